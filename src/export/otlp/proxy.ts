/** Connections through a proxy (CONNECT), for what Node's own agents can't do: HTTP/2. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP, type Socket } from 'node:net';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for this URL by the environment: grpc_proxy, else https_proxy or http_proxy by the scheme, in small letters
 * first, and nobody for whom no_grpc_proxy or no_proxy names. Undefined: none, or one that can't be understood.
 */
export function findProxy(url: URL, env: Environment = process.env): URL | undefined {
  const ofScheme = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const proxy = URL.parse(read(env, 'grpc_proxy') ?? read(env, ofScheme) ?? '');
  if (proxy === null || !/^https?:$/.test(proxy.protocol) || url.protocol === 'unix:') return undefined;
  const exceptions = (read(env, 'no_grpc_proxy') ?? read(env, 'no_proxy') ?? '').split(',');
  return exceptions.some((one) => covers(one.trim().toLowerCase(), url)) ? undefined : proxy;
}

function read(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || env[name.toUpperCase()]?.trim() || undefined;
}

/** `exception`: `*`, a network, or a host with all below it, and a port if only that is meant. */
function covers(exception: string, url: URL): boolean {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (exception === '*') return true;
  if (exception.includes('/')) return isInNetwork(host, exception);
  const [, name = '', port] =
    /^\*?\.?\[?(.*?)\]?(?::(\d+))?$/.exec(isIP(exception) ? `[${exception}]` : exception) ?? [];
  if (name === '' || (port !== undefined && port !== portOf(url))) return false;
  return host === name || host.endsWith(`.${name}`);
}

function isInNetwork(host: string, network: string): boolean {
  const [address = '', bits = ''] = network.split('/');
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits)) return false;
  if (Number(bits) > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), `ipv${family as 4 | 6}`);
  return list.check(host, `ipv${family as 4 | 6}`);
}

/** As text, the scheme's own where the URL has none. */
export function portOf({ protocol, port }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

/**
 * A connection to host and port of `url` by way of `proxy`. Rejects when the proxy is absent, refuses, or says nothing until
 * `deadline` (performance.now()).
 */
export function openTunnel(proxy: URL, url: URL, deadline: number): Promise<Socket> {
  const target = `${url.hostname}:${portOf(url)}`;
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
      host: proxy.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: portOf(proxy),
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...authorization(proxy) },
      agent: false,
      signal: AbortSignal.timeout(Math.max(1, Math.ceil(deadline - performance.now()))),
    });
    const refuse = (code: number | undefined) => reject(new Error(`the proxy ${proxy.host} answers HTTP ${code}`));
    request.once('error', (error) => reject(new Error(`the proxy ${proxy.host}: ${error.message}`)));
    request.once('connect', ({ statusCode }, socket: Socket, head: Buffer) => {
      if (statusCode !== 200) {
        socket.destroy();
        return refuse(statusCode);
      }
      socket.setNoDelay(true);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    // Of a server that is no proxy.
    request.once('response', (response) => {
      response.destroy();
      refuse(response.statusCode);
    });
    request.end();
  });
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
