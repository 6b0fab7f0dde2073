/**
 * An image as one file, in the format of `docker save`: `manifest.json`, the configuration, the
 * layers. `ctr images import` and every container engine read it. The same layers and configuration
 * give the same bytes.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import type { Layer } from './layer.ts';

/** The part of the OCI image configuration (config.md, "Properties") that we use. */
export interface ImageConfig {
  readonly Env: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd: readonly string[];
  readonly StopSignal?: string;
  /** Who runs it where a pod does not say. */
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  readonly Volumes?: Readonly<Record<string, Record<string, never>>>;
}

export interface ArchiveContent {
  /** Name and tag, for example `localhost/lab/tools:1`. */
  readonly reference: string;
  /** As Go names it: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly config: ImageConfig;
  /** Lowest first. */
  readonly layers: readonly Layer[];
}

export async function writeArchive(file: string, content: ArchiveContent): Promise<void> {
  const config = Buffer.from(
    JSON.stringify({
      architecture: content.architecture,
      os: 'linux',
      created: new Date(0).toISOString(),
      config: content.config,
      rootfs: { type: 'layers', diff_ids: content.layers.map(({ digest }) => `sha256:${digest}`) },
    }),
  );
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  const manifest = [
    {
      Config: configName,
      RepoTags: [content.reference],
      Layers: content.layers.map(layerName),
    },
  ];
  const tar = pack();
  const written = pipeline(tar, createWriteStream(file));
  try {
    await entry(tar, 'manifest.json', Buffer.from(JSON.stringify(manifest)));
    await entry(tar, configName, config);
    const distinct = new Map(content.layers.map((layer) => [layer.digest, layer]));
    for (const layer of distinct.values()) await layerEntry(tar, layer);
    tar.finalize();
  } catch (error) {
    tar.destroy(error instanceof Error ? error : new Error(String(error)));
    await written.catch(() => {});
    throw error;
  }
  await written;
}

const common = { mode: 0o644, uid: 0, gid: 0, mtime: new Date(0), type: 'file' } as const;

function layerName({ digest }: Layer): string {
  return `${digest}.tar`;
}

function entry(tar: Pack, name: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry({ ...common, name }, bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function layerEntry(tar: Pack, layer: Layer): Promise<void> {
  const target = tar.entry({ ...common, name: layerName(layer), size: layer.sizeBytes });
  await pipeline(createReadStream(layer.file), target);
}
