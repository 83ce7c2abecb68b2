/** OTLP/HTTP, binary or JSON: one POST a request, over connections that are kept. */
import { type Agent as HttpAgent, type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { CertificateFiles } from './certificates.ts';
import { compress } from './compress.ts';
import type { Say } from './delivery.ts';
import { classifyError, classifyStatus } from './http-status.ts';
import { toJson } from './json-body.ts';
import { readPartialSuccess, readPartialSuccessJson } from './partial-success.ts';
import { requestPath, type Settings } from './settings.ts';
import type { Outcome, Transport } from './transport.ts';
import { userAgent } from './user-agent.ts';

/** No answer of OTLP is as long; of what answers otherwise the beginning tells. */
const LONGEST_ANSWER = 64 * 1024;

/** Throws an Error of one line when a file is no good. */
export function createHttpTransport(settings: Settings, say: Say): Transport {
  const files = settings.tls ? new CertificateFiles(settings, say) : undefined;
  let agent = createAgent(settings, files);
  const renew = () => {
    // What is under way ends as a retry, as for a server that went away.
    agent.destroy();
    agent = createAgent(settings, files);
  };
  return {
    endpoint: settings.endpoint,
    timeoutMs: settings.timeoutMs,
    async send(request) {
      if (files?.refresh()) renew();
      try {
        return await post(settings, agent, await encode(settings, request));
      } catch (error) {
        return classifyError(error);
      }
    },
    renew,
    close: () => agent.destroy(),
  };
}

function createAgent(settings: Settings, files: CertificateFiles | undefined): HttpAgent {
  // HTTP(S)_PROXY and NO_PROXY hold, as for every program; a socket of the file system is no host to be reached by one.
  const options = { keepAlive: true, ...(settings.url.protocol !== 'unix:' && { proxyEnv: process.env }) };
  return files ? new TlsAgent({ ...options, ...files.current }) : new PlainAgent(options);
}

async function encode({ protocol, compression, signal }: Settings, request: Uint8Array): Promise<Uint8Array> {
  const body = protocol === 'http/json' ? Buffer.from(toJson(signal, request)) : request;
  return compression === 'gzip' ? compress(body) : body;
}

function post(settings: Settings, agent: HttpAgent, body: Uint8Array): Promise<Outcome> {
  const { url, headers, protocol, compression, timeoutMs, tls } = settings;
  const isJson = protocol === 'http/json';
  return new Promise((resolve, reject) => {
    const request = (tls ? tlsRequest : plainRequest)({
      ...(url.protocol === 'unix:' ? { socketPath: url.pathname, host: 'localhost' } : hostOf(url)),
      path: requestPath(settings),
      method: 'POST',
      agent,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        ...headers,
        'user-agent': userAgent,
        'content-type': isJson ? 'application/json' : 'application/x-protobuf',
        'content-length': body.length,
        ...(compression === 'gzip' && { 'content-encoding': 'gzip' }),
      },
    });
    request.once('error', reject);
    request.once('response', (response) => {
      readAnswer(response).then((answer) => resolve(judge(response, answer)), reject);
    });
    request.end(body);
  });
}

function hostOf({ hostname, port }: URL) {
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), ...(port !== '' && { port }) };
}

async function readAnswer(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    if (length < LONGEST_ANSWER) parts.push(part);
    length += part.length;
  }
  return Buffer.concat(parts);
}

function judge(response: IncomingMessage, answer: Buffer): Outcome {
  const { statusCode = 0, headers } = response;
  const type = headers['content-type'] ?? '';
  if (statusCode < 200 || statusCode > 299) return classifyStatus(statusCode, headers['retry-after'], type, answer);
  if (/\bhtml\b/.test(type)) {
    const message = 'the endpoint does not speak OTLP/HTTP: it answers with a web page';
    return { status: 'drop', reason: 'not_otlp', message, retryAfterMs: undefined };
  }
  const said = /\bjson\b/.test(type) ? readPartialSuccessJson(answer.toString()) : readPartialSuccess(answer);
  return { status: 'accepted', ...said };
}
