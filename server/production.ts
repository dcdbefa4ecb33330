// The first import of `main.ts`: graphql decides while it is loaded whether it looks out for a second copy
// of itself, which it would do for each value of each request.
process.env['NODE_ENV'] ||= 'production';
