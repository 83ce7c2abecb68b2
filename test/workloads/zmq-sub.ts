/**
 * zmq-sub ENDPOINT TOPIC…
 *
 * A subscriber in JavaScript, with a reader of flows that knows nothing of who wrote them. Prints what zmq-sub.c prints.
 */
import { Subscriber } from 'zeromq';
import { decodeTlv } from '../support/tlv-decode.ts';

const [endpoint = '', ...topics] = process.argv.slice(2);
const socket = new Subscriber();
socket.subscribe(...topics);
socket.connect(endpoint);
process.stdin.resume().once('end', () => process.exit(0));
console.log(JSON.stringify({ topic: 'listening', endpoint }));

for await (const [header, payload, ...more] of socket) {
  if (header?.length !== 24 || payload === undefined || more.length > 0) throw new Error('not a header and a payload');
  const version = header.readUInt8(16);
  const body = version === 3 ? { flows: decodeTlv(payload) } : { json: JSON.parse(payload.toString()) };
  const message = {
    topic: header.toString('latin1', 0, 16).replace(/\0+$/, ''),
    version,
    source: header.readUInt8(17),
    id: header.readUInt32BE(20),
    size: payload.length,
    ...body,
  };
  console.log(
    JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? Number(value) : (value?.float ?? value))),
  );
}
