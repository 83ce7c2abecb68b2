/**
 * In a program of your own: which process moved how much to whom, and what failed, until Ctrl-C. `npm install sockflow`,
 * then as root: node 04-library.ts
 */
import { StartError, watch } from 'sockflow';

try {
  await using watcher = await watch({ events: ['close', 'failed'] });
  process.once('SIGINT', () => watcher.close());
  console.error(watcher.description);
  for await (const record of watcher) {
    if (record.event === 'dns') continue;
    const { process, peerAddress, peerPort, sentBytes, receivedBytes, errorType } = record;
    const who = process ? `${process.executableName}[${process.pid}]` : 'nobody';
    console.log(`${who} ${peerAddress} ${peerPort} ${errorType ?? `sent ${sentBytes} received ${receivedBytes}`}`);
  }
  const { lost } = watcher.statistics();
  for (const { stage, reason, count } of lost) console.error(`lost ${count}: ${stage} ${reason}`);
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(`cannot start: ${error.message}; ${error.remedy}`);
  process.exitCode = 1;
}
