// Node runs the .ts files by itself; one process a test file, since capture and privileges are per process.
export default {
  extensions: { ts: 'module' },
  files: ['test/**/*.test.ts'],
  workerThreads: false,
  timeout: '3m',
};
