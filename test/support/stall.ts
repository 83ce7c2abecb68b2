/** To be imported before the agent: SIGUSR2 has its JavaScript stand still for a while, as a long computation would. */
process.on('SIGUSR2', () => {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  Atomics.wait(nothing, 0, 0, Number(process.env.SOCKFLOW_STALL_SECONDS) * 1000);
});
