import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { bookmark, event, startFollowing as start } from '../../../support/kube-follow.ts';
import { type KubeHandler, list, pod, refuse, watch } from '../../../support/kube-server.ts';
import { temporaryDirectory } from '../../../support/temporary.ts';

const idle: KubeHandler = watch();
const ended =
  (...events: object[]): KubeHandler =>
  (request, response) => {
    watch(...events)(request, response);
    response.end();
  };

test('a list is read in pages, and the watch begins at its version', async (t) => {
  const { server, names } = await start(t, [() => list('10', [pod('a')], 'next'), () => list('10', [pod('b')]), idle]);
  await server.until(3);
  t.deepEqual([...names], ['a', 'b']);
  const [first, second, third] = server.requests;
  t.deepEqual(first?.query, { fieldSelector: 'spec.nodeName=n', limit: '500' });
  t.is(second?.query.continue, 'next');
  t.is(third?.query.resourceVersion, '10');
  t.is(third?.query.allowWatchBookmarks, 'true');
});

test('what comes, changes and goes is told; the next watch begins where this one ended', async (t) => {
  const { server, names, faults } = await start(t, [
    () => list('10', [pod('a')]),
    ended(event('ADDED', 'b', '11'), event('MODIFIED', 'b', '12'), event('DELETED', 'a', '13')),
    ended(bookmark('40')),
    idle,
  ]);
  await server.until(4);
  t.deepEqual([...names], ['b']);
  t.deepEqual(
    server.requests.map(({ query }) => query.resourceVersion),
    [undefined, '10', '13', '40'],
  );
  t.deepEqual(faults, []);
});

const gone: readonly [string, KubeHandler][] = [
  ['as a status', refuse(410, 'too old resource version')],
  ['in the stream', watch({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old' } })],
];
for (const [how, answer] of gone) {
  test(`a version that is too old (410, ${how}) leads to a new list, and what has gone meanwhile is gone`, async (t) => {
    const { server, names, faults } = await start(t, [
      () => list('10', [pod('a'), pod('b')]),
      answer,
      () => list('90', [pod('b'), pod('c')]),
      idle,
    ]);
    await server.until(4);
    t.deepEqual([...names], ['b', 'c']);
    t.deepEqual(faults, ['expired']);
    t.is(server.requests[3]?.query.resourceVersion, '90');
  });
}

test('a list whose pages expire half-way is begun anew', async (t) => {
  const { server, names, faults } = await start(t, [
    () => list('10', [pod('a')], 'next'),
    refuse(410, 'the continue token has expired'),
    () => list('20', [pod('b')]),
    idle,
  ]);
  await server.until(4);
  t.deepEqual([...names], ['b']);
  t.is(server.requests[2]?.query.continue, undefined);
  t.deepEqual(faults, ['expired']);
});

test('a token that expired is counted, and the one that takes its place is used without a restart', async (t) => {
  const file = join(temporaryDirectory(t), 'token');
  writeFileSync(file, 'old');
  const { readFileSync } = await import('node:fs');
  const judge: KubeHandler = ({ token }, response) =>
    token === 'new' ? list('10', [pod('a')]) : refuse(401, 'Unauthorized')({} as never, response);
  const { server, faults, names, until } = await start(
    t,
    [
      judge,
      judge,
      (request, response) => {
        writeFileSync(file, 'new');
        return judge(request, response);
      },
      judge,
      idle,
    ],
    { access: { credentials: () => ({ token: readFileSync(file, 'utf8') }) } },
  );
  await until(() => names.has('a'));
  t.deepEqual(faults, ['unauthorized', 'unauthorized', 'unauthorized']);
  t.deepEqual(
    server.requests.slice(0, 4).map(({ token }) => token),
    ['old', 'old', 'old', 'new'],
  );
});

test('a token file that is missing for a while is no reason to give up', async (t) => {
  const file = join(temporaryDirectory(t), 'token');
  const { readFileSync } = await import('node:fs');
  const { faults, names, until } = await start(t, [() => list('10', [pod('a')]), idle], {
    access: { credentials: () => ({ token: readFileSync(file, 'utf8') }) },
  });
  await until(() => faults.length > 1);
  writeFileSync(file, 'here');
  await until(() => names.has('a'));
  rmSync(file);
  t.true(faults.every((fault) => fault === 'unreachable'));
});

test('a refusal (RBAC) is counted each time and asked again, until it is allowed', async (t) => {
  const { faults, names, until } = await start(t, [
    refuse(403, 'pods is forbidden'),
    refuse(403, 'pods is forbidden'),
    () => list('10', [pod('a')]),
    idle,
  ]);
  await until(() => names.has('a'));
  t.deepEqual(faults, ['forbidden', 'forbidden']);
});

test('a watch that is refused after a good list keeps what the list said', async (t) => {
  const { faults, names, until } = await start(t, [() => list('10', [pod('a')]), refuse(403, 'watch is forbidden')]);
  await until(() => faults.length >= 3);
  t.true(names.has('a'));
  t.true(faults.every((fault) => fault === 'forbidden'));
});

/** A healthy server, whatever was asked before. */
const healthy: KubeHandler = (request, response) =>
  request.query.watch ? idle(request, response) : list('10', [pod('a')]);

test('a server that accepts and never answers is given up within the deadline, then asked again', async (t) => {
  const hang: KubeHandler = () => undefined;
  const { faults, names, until } = await start(t, [hang, hang, healthy], { deadline: 200 });
  await until(() => names.has('a'));
  t.true(faults.length >= 2);
  t.true(faults.every((fault) => fault === 'unreachable'));
});

test('a watch that is never answered is given up, and what the list said is kept', async (t) => {
  const onlyLists: KubeHandler = ({ query }) => (query.watch ? undefined : list('10', [pod('a')]));
  const { server, faults, names, until } = await start(t, [onlyLists], { deadline: 200 });
  await until(() => names.has('a') && server.requests.filter(({ query }) => query.watch).length >= 2);
  t.true(names.has('a'));
  t.true(faults.every((fault) => fault === 'unreachable'));
});

test('a server that drips its answer is given up within the deadline', async (t) => {
  const drip: KubeHandler = (_, response) => {
    response.write('{"items": [');
    const timer = setInterval(() => response.write(' '), 5);
    response.on('close', () => clearInterval(timer));
  };
  const { faults, names, until } = await start(t, [drip, healthy], { deadline: 200 });
  await until(() => names.has('a'));
  t.true(faults.length >= 1);
  t.true(faults.every((fault) => fault === 'unreachable'));
});

const garbage: readonly [string, KubeHandler][] = [
  ['a web page', (_, response) => void response.end('<html>')],
  ['nothing', (_, response) => void response.end()],
  ['a list without a version', () => ({ items: [] })],
  ['an array', () => [1, 2]],
  ['null', (_, response) => void response.end('null')],
];
for (const [what, answer] of garbage) {
  test(`${what} instead of a list is malformed, and a good list comes after it`, async (t) => {
    const { faults, names, until } = await start(t, [answer, () => list('10', [pod('a')]), idle]);
    await until(() => names.has('a'));
    t.deepEqual(faults, ['malformed']);
  });
}

const badLines: readonly [string, string][] = [
  ['no JSON', '{"type":"ADDED","object":\n'],
  ['half an event at the end', '{"type":"ADDED"'],
];
for (const [what, line] of badLines) {
  test(`${what} in a watch leads to a new list, since something may be missed`, async (t) => {
    const { faults, names, until } = await start(t, [
      () => list('10', [pod('a')]),
      (_, response) => void response.end(line),
      () => list('20', [pod('b')]),
      idle,
    ]);
    await until(() => names.has('b'));
    t.deepEqual(faults, ['malformed']);
  });
}

test('an object that is not understood is counted, and those beside it are taken', async (t) => {
  const { faults, names, until } = await start(t, [
    () => list('10', [{ metadata: {} }, pod('a')]),
    watch({ type: 'ADDED', object: 7 }, { type: 'ODD', object: pod('x') }, event('ADDED', 'b', '11')),
  ]);
  await until(() => names.has('b'));
  t.deepEqual([...names], ['a', 'b']);
  t.deepEqual(faults, ['malformed', 'malformed', 'malformed']);
});

test('a server that closes each connection at once is asked with pauses, not in a storm', async (t) => {
  const { server, faults, until } = await start(t, [(_, response) => void response.socket?.destroy()]);
  await until(() => faults.length >= 4);
  t.is(server.requests.length, faults.length);
  t.true(faults.every((fault) => fault === 'unreachable'));
});

test('the server says how long to wait, and it is obeyed', async (t) => {
  const begun = performance.now();
  const { names, until } = await start(t, [
    refuse(429, 'too many requests', { 'retry-after': '1' }),
    () => list('10', [pod('a')]),
    idle,
  ]);
  await until(() => names.has('a'));
  t.true(performance.now() - begun > 950);
});

test('the end comes at once, in the middle of a watch', async (t) => {
  const { server, stop, over, faults } = await start(t, [() => list('10', []), idle]);
  await server.until(2);
  stop();
  await over;
  t.deepEqual(faults, []);
});
