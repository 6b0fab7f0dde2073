/** What a storage node reports of the copies that it serves. */
import { type Family, gauge } from './metrics.ts';

export interface StoreHealth {
  readonly volume: string;
  readonly member: string;
  /** Writes wait for room. */
  readonly full: boolean;
  /** Its disk has failed it; it serves nothing any more. */
  readonly failed: boolean;
}

export function storeFamilies(stores: readonly StoreHealth[]): readonly Family[] {
  const each = (value: (store: StoreHealth) => boolean) =>
    stores.map((store) => ({
      labels: { volume: store.volume, member: store.member },
      value: value(store) ? 1 : 0,
    }));
  return [
    gauge(
      'larder_store_full',
      'Whether writes to this copy wait for room on its disk.',
      each(({ full }) => full),
    ),
    gauge(
      'larder_store_failed',
      'Whether the disk of this copy has failed.',
      each(({ failed }) => failed),
    ),
  ];
}
