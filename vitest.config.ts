import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Vite would take graphql's ES build while its users among our dependencies take the CommonJS one, and
  // two copies of it don't know each other's types. Node itself takes one for all.
  resolve: {
    alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve('graphql')) }],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/harness/global-setup.ts'],
    pool: 'forks',
    // A few processes run all files one after another: the modules keep no state that a test could meet, and
    // loading the server anew for each file took a third of the run's processor time.
    isolate: false,
    // More than the cores: tests wait for PostgreSQL, for processes and for one another's locks.
    maxWorkers: 4,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Tests never touch what these name, nor do the servers that they start.
    env: { DATABASE_URL: '', REDIS_URL: '' },
  },
});
