/** For Docker: asks the agent where SOCKFLOW_HEALTH says that it answers; without that, that it runs is all there is to know. */
const { SOCKFLOW_HEALTH: address } = process.env;
if (address) {
  const host = /^\d+$/.test(address) ? `127.0.0.1:${address}` : address.replace(/^0\.0\.0\.0:/, '127.0.0.1:');
  const answer = await fetch(`http://${host}/livez`).catch(() => undefined);
  process.exitCode = answer?.ok ? 0 : 1;
}
