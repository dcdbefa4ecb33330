// A worker of a cluster that does what its test tells it, and nothing else.

let mayStop = true;

process.on('message', (word) => {
  if (word.do === 'listen') process.send({ say: 'listening', port: 1, url: 'http://localhost:1' });
  if (word.do === 'end') process.exit(1);
  if (word.do === 'stay') mayStop = false;
  if (word.say === 'stop' && mayStop) process.exit(0);
});
