/**
 * Which settings of a node may be changed for storage, within which bounds, and why. Others are
 * refused: a setting copied from somewhere is how nodes become slow in ways that nobody finds.
 */
import type { TuningConfig } from '../config/schema/tuning.ts';
import type { ShelfNode } from '../config/shelf/inventory.ts';
import { nearest } from '../config/suggest.ts';
import { oneOf, type Problem } from './problem.ts';
import { twins } from './twins.ts';

interface Setting {
  /** What a value looks like. */
  readonly pattern: RegExp;
  readonly form: string;
  readonly reason: string;
}

const whole = (
  least: number,
  most: number,
  reason: string,
): Setting & { least: number; most: number } => ({
  pattern: /^\d{1,12}$/,
  form: `a whole number from ${least} to ${most}`,
  least,
  most,
  reason,
});
const triple = (reason: string): Setting => ({
  pattern: /^\d+ \d+ \d+$/,
  form: 'three numbers of bytes: least, default and most, such as "4096 131072 16777216"',
  reason,
});
const word = (pattern: RegExp, form: string, reason: string): Setting => ({
  pattern,
  form,
  reason,
});

const mebibyte = 1024 ** 2;

/** Kernel settings, by their dotted names. */
export const knownSysctls: Readonly<Record<string, Setting>> = {
  'net.core.rmem_max': whole(212_992, 256 * mebibyte, 'room for a 10 GbE connection to a NAS'),
  'net.core.wmem_max': whole(212_992, 256 * mebibyte, 'room for a 10 GbE connection to a NAS'),
  'net.core.netdev_max_backlog': whole(
    1000,
    100_000,
    'packets that wait while a small CPU is busy',
  ),
  'net.ipv4.tcp_rmem': triple('the window of NFS and of replication over 10 GbE'),
  'net.ipv4.tcp_wmem': triple('the window of NFS and of replication over 10 GbE'),
  'sunrpc.tcp_slot_table_entries': whole(2, 128, 'NFS requests under way at once'),
  'sunrpc.tcp_max_slot_table_entries': whole(2, 65_536, 'NFS requests under way at once, at most'),
  'vm.dirty_background_bytes': whole(
    mebibyte,
    4096 * mebibyte,
    'when writing back begins: less unwritten data at a power cut',
  ),
  'vm.dirty_bytes': whole(
    mebibyte,
    8192 * mebibyte,
    'when writers wait: no long stalls on slow disks',
  ),
  'vm.swappiness': whole(0, 200, 'swap wears SD cards and stalls storage daemons'),
  'vm.min_free_kbytes': whole(
    1024,
    1_048_576,
    'memory for the network driver while pages are written back',
  ),
  'vm.vfs_cache_pressure': whole(1, 1000, 'how long names of many small files stay in memory'),
  'vm.nr_hugepages': whole(0, 65_536, 'Mayastor takes 1024 of 2 MiB'),
  'fs.inotify.max_user_watches': whole(
    8192,
    2_097_152,
    'applications that watch many files, such as Home Assistant',
  ),
  'fs.inotify.max_user_instances': whole(128, 65_536, 'one for each pod that watches files'),
};

/** Options of kernel modules: `module.option`. */
export const knownModuleOptions: Readonly<Record<string, Setting>> = {
  'nfs.nfs4_disable_idmapping': word(/^[YN]$/, 'Y or N', 'numeric owners, as pods have them'),
  'nfs.max_session_slots': whole(1, 1024, 'NFS 4 requests under way at once'),
  'sunrpc.tcp_slot_table_entries': whole(2, 128, 'the same, from the first mount on'),
  'sunrpc.tcp_max_slot_table_entries': whole(2, 65_536, 'the same, at most'),
  'nvme_core.default_ps_max_latency_us': whole(
    0,
    1_000_000,
    '0 keeps NVMe disks awake that vanish when they sleep',
  ),
  'nvme_core.multipath': word(
    /^[YN]$/,
    'Y or N',
    'Mayastor moves a volume to another path with it',
  ),
  'usb_storage.quirks': word(
    /^[0-9a-f]{4}:[0-9a-f]{4}:[a-z]+(?:,[0-9a-f]{4}:[0-9a-f]{4}:[a-z]+)*$/,
    'vendor:product:flags, such as 152d:0578:u',
    'USB bridges that lose their disk under load unless UAS is off',
  ),
};

export function tuningProblems(
  profiles: readonly TuningConfig[],
  nodes: readonly ShelfNode[],
): Problem[] {
  return [
    ...twins(
      profiles.map((profile) => profile.name),
      (index) => `larder:tuning[${index}].name`,
      'one profile for each name',
    ),
    ...profiles.flatMap((profile, index) =>
      profileProblems(profile, `larder:tuning[${index}]`, nodes),
    ),
    ...rivals(profiles, nodes),
  ];
}

function profileProblems(
  profile: TuningConfig,
  path: string,
  nodes: readonly ShelfNode[],
): Problem[] {
  const names = nodes.map((node) => node.name);
  const unknown = (profile.nodes ?? []).filter((name) => !names.includes(name));
  const options = Object.entries(profile.modules).flatMap(([module, given]) =>
    Object.entries(given).map(([option, value]) => [`${module}.${option}`, value] as const),
  );
  return [
    ...unknown.map((name) => ({
      path: `${path}.nodes`,
      found: `${name}, which is no node of the inventory`,
      allowed: oneOf(names),
      todo: 'name a node that stands under larder:nodes',
    })),
    ...Object.entries(profile.sysctls).flatMap(([key, value]) =>
      valueProblems(`${path}.sysctls.${key}`, key, value, knownSysctls),
    ),
    ...options.flatMap(([key, value]) =>
      valueProblems(`${path}.modules.${key}`, key, value, knownModuleOptions),
    ),
  ];
}

function valueProblems(
  path: string,
  key: string,
  value: string,
  known: Readonly<Record<string, Setting & { least?: number; most?: number }>>,
): Problem[] {
  const setting = Object.hasOwn(known, key) ? known[key] : undefined;
  if (setting === undefined) {
    const meant = nearest(key, Object.keys(known));
    return [
      {
        path,
        found: `${key}, whose effect on storage is not known here`,
        allowed: oneOf(Object.keys(known)),
        todo: meant === undefined ? 'set it on the node by hand' : `did you mean ${meant}?`,
      },
    ];
  }
  const { pattern, least = -Infinity, most = Infinity, form, reason } = setting;
  const fits =
    pattern.test(value) &&
    (least === -Infinity || Number(value) >= least) &&
    (most === Infinity || Number(value) <= most);
  if (fits) return [];
  return [{ path, found: value, allowed: `${form} (${reason})`, todo: 'write it in that form' }];
}

/** Two profiles that set one thing on one node would undo each other for ever. */
function rivals(profiles: readonly TuningConfig[], nodes: readonly ShelfNode[]): Problem[] {
  const claims = profiles.flatMap((profile, index) => {
    const on = profile.nodes ?? nodes.map((node) => node.name);
    const keys = [
      ...Object.keys(profile.sysctls),
      ...Object.entries(profile.modules).flatMap(([module, options]) =>
        Object.keys(options).map((option) => `${module}.${option} (module)`),
      ),
      ...(profile.disks === undefined ? [] : ['disks']),
    ];
    return on.flatMap((node) => keys.map((key) => ({ index, node, key })));
  });
  return claims.flatMap((claim, nth) => {
    const first = claims.findIndex(({ node, key }) => node === claim.node && key === claim.key);
    const rival = claims[first];
    if (first === nth || rival === undefined || rival.index === claim.index) return [];
    return [
      {
        path: `larder:tuning[${claim.index}]`,
        found: `${claim.key} on ${claim.node}, which larder:tuning[${rival.index}] sets too`,
        allowed: 'one profile for each setting of a node',
        todo: 'put both into one profile, or name other nodes',
      },
    ];
  });
}
