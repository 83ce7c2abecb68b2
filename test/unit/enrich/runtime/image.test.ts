import test from 'ava';
import { parseImage } from '../../../../src/enrich/runtime/image.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const table: readonly (readonly [string, string | undefined, ...string[]])[] = [
  ['busybox', 'busybox'],
  ['busybox:1.36', 'busybox', '1.36'],
  ['docker.io/library/nginx:latest', 'docker.io/library/nginx', 'latest'],
  ['registry.local:5000/shop/web:1.2', 'registry.local:5000/shop/web', '1.2'],
  ['registry.local:5000/shop/web', 'registry.local:5000/shop/web'],
  [`envoy@${digest}`, 'envoy'],
  [`registry.local:5000/envoy:v1@${digest}`, 'registry.local:5000/envoy', 'v1'],
  [`docker-pullable://nginx@${digest}`, 'nginx'],
  [digest, undefined],
  [digest.slice(7), undefined],
  ['', undefined],
];

for (const [reference, name, ...tags] of table) {
  test(`"${reference.slice(0, 50)}" is ${name ?? 'no name'} with ${tags.length ? `the tag ${tags}` : 'no tag'}`, (t) => {
    t.deepEqual(parseImage(reference), name === undefined ? undefined : { name, tags });
  });
}
