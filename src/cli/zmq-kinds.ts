/** Kinds of values of the options about ntopng. */
import { type Endpoint, parseEndpoint, parsePublicKey } from '../export/zmq/endpoint.ts';
import type { Kind } from './kinds.ts';

/** As ntopng's `-i` has them, several with commas between, too. */
export const zmqEndpoints: Kind<readonly Endpoint[]> = {
  type: 'repeated',
  placeholder: 'ENDPOINT',
  expects: 'an endpoint such as tcp://127.0.0.1:1234, or tcp://127.0.0.1:1234c where ntopng listens itself',
  parse: (text) => {
    const read = text === '' ? [] : text.split(/[\n,]/).map(parseEndpoint);
    return read.every((endpoint) => endpoint !== undefined) ? read : undefined;
  },
};

export const zmqPublicKey: Kind<string> = {
  type: 'value',
  placeholder: 'KEY',
  expects: "ntopng's public key, 40 characters of Z85 or 80 hexadecimal digits",
  parse: parsePublicKey,
};
