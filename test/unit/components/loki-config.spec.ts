import assert from 'node:assert/strict';
import { dailyRoom, lokiConfig } from '../../../components/applications/loki-config.ts';

const gibibyte = 1024 ** 3;
const limits = { retentionHours: 720, sizeBytes: 50 * gibibyte, memoryLimitBytes: gibibyte };
const at = (path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], lokiConfig(limits));

describe('configuration of Loki', () => {
  it('turns retention on, with the store without which it does not start', () => {
    assert.equal(at('compactor.retention_enabled'), true);
    assert.equal(at('compactor.delete_request_store'), 'filesystem');
    assert.equal(at('limits_config.retention_period'), '720h');
    assert.equal(at('schema_config.configs.0.index.period'), '24h', 'retention needs a day');
  });

  it('keeps everything on the volume, the folder of rules too', () => {
    const text = JSON.stringify(lokiConfig(limits));
    const paths = [...text.matchAll(/"(\/[^"]*)"/g)].map(([, path]) => path ?? '');
    assert.ok(paths.length > 5 && paths.every((path) => path.startsWith('/loki')), String(paths));
    assert.equal(at('common.storage.filesystem.rules_directory'), '/loki/rules');
  });

  it('reads its log back within its memory, and caches within it', () => {
    assert.equal(at('ingester.wal.replay_memory_ceiling'), '768MB');
    assert.equal(at('chunk_store_config.chunk_cache_config.embedded_cache.max_size_mb'), 64);
  });

  it('has room for what 90 % of the volume hold in the time of the retention', () => {
    assert.equal(dailyRoom(limits), '1536Mi');
    assert.equal(dailyRoom({ ...limits, retentionHours: 24 }), '45Gi');
  });
});
