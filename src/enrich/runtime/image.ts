/** References of images, as runtimes and Kubernetes give them. */

export interface Image {
  /** Registry and repository, without tag and digest: `registry.local:5000/shop/web`. */
  readonly name: string;
  readonly tags: readonly string[];
}

/**
 * `registry.local:5000/shop/web:1.2`, `envoy@sha256:…`. No tag is invented where none is said. Undefined for the bare id
 * of an image, which names nothing.
 */
export function parseImage(reference: string): Image | undefined {
  const [tagged = ''] = reference.replace(/^docker-pullable:\/\//, '').split('@');
  if (tagged === '' || /^(sha256:)?[0-9a-f]{64}$/.test(tagged)) return undefined;
  // A colon before the last slash belongs to the port of the registry.
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  if (colon < 0) return { name: tagged, tags: [] };
  return { name: tagged.slice(0, colon), tags: [tagged.slice(colon + 1)] };
}
