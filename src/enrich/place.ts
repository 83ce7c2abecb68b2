/** What is known of the peer of a connection beyond its address: the user's name for its network, and where it is. */
import type { Ledger } from '../ledger.ts';
import type { ConnectionRecord, Place } from '../model.ts';
import { openGeoip } from './geoip.ts';
import { createNetworkNames, type NamedNetwork } from './networks.ts';

export interface PlaceOptions {
  readonly networks: readonly NamedNetwork[];
  /** Files in MaxMind's format. */
  readonly geoip: readonly string[];
  readonly ledger: Ledger;
  readonly warn: (message: string) => void;
  /** Milliseconds. */
  readonly now?: () => number;
}

const LIMIT = 16_384;
/** Milliseconds between two looks at the files. */
const REFRESH = 2_000;

/** Completes records, each address looked up once. Throws a StartError for a file that can't be used. */
export function createPlaces({
  networks,
  geoip,
  ledger,
  warn,
  now = Date.now,
}: PlaceOptions): (record: ConnectionRecord) => void {
  if (networks.length === 0 && geoip.length === 0) return () => undefined;
  const known = new Map<string, Place | undefined>();
  const nameOf = createNetworkNames(networks);
  const located = geoip.length > 0 ? openGeoip({ files: geoip, warn, onChange: () => known.clear() }) : undefined;
  let refreshed = now();

  const locate = (address: string) => {
    try {
      return located?.locate(address);
    } catch {
      ledger.fault('enrich', 'geoip');
      return undefined;
    }
  };
  const lookUp = ({ peerAddress, networkType }: ConnectionRecord): Place | undefined => {
    const network = nameOf(peerAddress, networkType);
    const location = locate(peerAddress);
    return network === undefined && !location ? undefined : { network, ...location };
  };

  return (record) => {
    if (located && now() - refreshed >= REFRESH) {
      refreshed = now();
      located.refresh();
    }
    let place = known.get(record.peerAddress);
    if (place === undefined && !known.has(record.peerAddress)) {
      place = lookUp(record);
      // Forgetting all at once is cheaper than keeping an order.
      if (known.size >= LIMIT) known.clear();
      known.set(record.peerAddress, place);
    }
    if (place) record.place = place;
  };
}
