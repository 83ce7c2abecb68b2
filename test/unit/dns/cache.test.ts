import test from 'ava';
import { createNameCache } from '../../../src/dns/cache.ts';
import type { LookupRecord } from '../../../src/model.ts';

const SECOND = 1_000_000_000n;
const begin = 1_000n * SECOND;
const address = '10.0.0.1';

const asked = (name: string, serial: number, seconds: number) => ({
  networkNamespace: 1,
  serial,
  name,
  time: begin + BigInt(seconds) * SECOND,
});
const asker = (serial: number, seconds: number, networkNamespace = 1) => ({
  networkNamespace,
  serial,
  address,
  time: begin + BigInt(seconds) * SECOND,
});

test('each process has the name that it asked for last, before its connection began', (t) => {
  const cache = createNameCache();
  cache.add(asked('a', 1, 0), address, 60);
  cache.add(asked('b', 2, 1), address, 60);
  cache.add(asked('c', 1, 10), address, 60);
  t.is(cache.ofProcess(asker(1, 5))?.name, 'a');
  t.is(cache.ofProcess(asker(1, 10))?.name, 'c');
  t.is(cache.ofProcess(asker(2, 10))?.name, 'b');
  t.is(cache.ofProcess(asker(3, 10))?.name, undefined);
  t.is(cache.ofProcess(asker(0, 10))?.name, undefined);
  t.is(cache.ofNamespace(asker(3, 10))?.name, 'c');
  t.is(cache.ofNamespace(asker(3, 5))?.name, 'b');
  t.is(cache.ofNamespace(asker(3, 10, 2))?.name, undefined);
});

test('asking again for the same name does not make it younger', (t) => {
  const cache = createNameCache();
  for (const seconds of [0, 10, 20]) cache.add(asked('a', 1, seconds), address, 60);
  t.is(cache.ofProcess(asker(1, 5))?.name, 'a');
});

test("a name of the namespace ends a minute after its time to live; a process's own does not", (t) => {
  const cache = createNameCache();
  cache.add(asked('a', 1, 0), address, 0);
  t.is(cache.ofNamespace(asker(2, 60))?.name, 'a');
  t.is(cache.ofNamespace(asker(2, 61))?.name, undefined);
  t.is(cache.ofProcess(asker(1, 100_000))?.name, 'a');
});

test('there is a bound', (t) => {
  const cache = createNameCache(2);
  for (const each of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) cache.add(asked(each, 0, 0), each, 60);
  t.is(cache.ofNamespace(asker(0, 1))?.name, undefined);
});

test('a look-up goes to the first connection that began behind it, once, and with one name only', (t) => {
  const cache = createNameCache();
  const whole = { questionName: 'a', time: begin + 2n * SECOND } as LookupRecord;
  cache.add({ ...asked('a', 1, 2), whole }, address, 60);
  cache.add({ ...asked('a', 1, 2), whole: undefined }, '10.0.0.2', 60);
  t.is(cache.ofProcess({ ...asker(1, 3), address: '10.0.0.2' })?.lookup, undefined);
  t.deepEqual(cache.ofProcess(asker(1, 3)), { name: 'a', lookup: whole });
  t.deepEqual(cache.ofProcess(asker(1, 4)), { name: 'a', lookup: undefined });
  t.deepEqual(cache.ofNamespace(asker(2, 4)), { name: 'a', lookup: undefined });
});

test('a look-up that ended behind the begin of a connection is not taken by it', (t) => {
  const cache = createNameCache();
  const at = (seconds: number) => ({ questionName: 'a', time: begin + BigInt(seconds) * SECOND }) as LookupRecord;
  cache.add({ ...asked('a', 1, 0), whole: at(0) }, address, 60);
  cache.add({ ...asked('a', 1, 10), whole: at(10) }, address, 60);
  t.deepEqual(cache.ofProcess(asker(1, 5)), { name: 'a', lookup: undefined });
  t.deepEqual(cache.ofProcess(asker(1, 11)), { name: 'a', lookup: at(10) });
});
