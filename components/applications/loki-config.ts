/**
 * Loki's configuration for one binary and one volume. Pure. Every value that differs from Loki's
 * own default, and why: docs/components/loki.md.
 */
import { formatSize } from '../config/quantity.ts';

export interface LokiLimits {
  /** Logs older than this are removed. */
  readonly retentionHours: number;
  readonly sizeBytes: number;
  /** What the process may use. */
  readonly memoryLimitBytes: number;
}

const data = '/loki';
/** Loki takes one in MB, as its documentation does. */
const mebibyte = 1024 ** 2;

export function lokiConfig(limits: LokiLimits): object {
  return {
    auth_enabled: false,
    server: { http_listen_port: 3100, grpc_listen_port: 9095, log_level: 'warn' },
    common: {
      path_prefix: data,
      replication_factor: 1,
      ring: { kvstore: { store: 'inmemory' }, instance_addr: '127.0.0.1' },
      // Without a folder for rules one binary does not start.
      storage: {
        filesystem: { chunks_directory: `${data}/chunks`, rules_directory: `${data}/rules` },
      },
    },
    schema_config: {
      configs: [
        {
          from: '2026-01-01',
          store: 'tsdb',
          object_store: 'filesystem',
          schema: 'v13',
          index: { prefix: 'index_', period: '24h' },
        },
      ],
    },
    storage_config: {
      tsdb_shipper: { active_index_directory: `${data}/index`, cache_location: `${data}/cache` },
    },
    ingester: {
      // Idle streams would make a file each half hour; a file system has so many inodes.
      chunk_idle_period: '2h',
      max_chunk_age: '2h',
      wal: {
        dir: `${data}/wal`,
        flush_on_shutdown: true,
        replay_memory_ceiling: `${Math.floor((limits.memoryLimitBytes * 0.75) / mebibyte)}MB`,
      },
    },
    compactor: {
      working_directory: `${data}/compactor`,
      retention_enabled: true,
      delete_request_store: 'filesystem',
    },
    limits_config: {
      retention_period: `${limits.retentionHours}h`,
      reject_old_samples: true,
      reject_old_samples_max_age: `${limits.retentionHours}h`,
      volume_enabled: true,
    },
    // Caches of eight gigabytes are for other machines.
    chunk_store_config: { chunk_cache_config: cache(limits) },
    query_range: { cache_results: false },
    analytics: { reporting_enabled: false },
  };
}

function cache(limits: LokiLimits): object {
  const sizeMb = Math.floor(limits.memoryLimitBytes / 16 / mebibyte);
  return { embedded_cache: { enabled: true, max_size_mb: sizeMb, ttl: '1h' } };
}

/**
 * What the volume can take in a day: Loki stops taking logs when the file system with its
 * write-ahead log is 90 % full.
 */
export function dailyRoom(limits: LokiLimits): string {
  const perDayBytes = (limits.sizeBytes * 0.9) / (limits.retentionHours / 24);
  return formatSize(Math.floor(perDayBytes / mebibyte) * mebibyte);
}
