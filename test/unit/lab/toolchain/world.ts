/**
 * A temporary machine for toolchain tests: folders, a PATH of fake programs, progress kept as text.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { LabFault } from '../../../../lab/base/fault.ts';
import type { LabPaths } from '../../../../lab/base/paths.ts';
import { Progress } from '../../../../lab/base/progress.ts';
import {
  platform,
  type Archive,
  type Catalogue,
  type Tool,
  type ToolContext,
} from '../../../../lab/toolchain/tool.ts';

export class World implements Disposable {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), 'larder-toolchain-'));
  readonly bin: string = path.join(this.folder, 'bin');
  readonly paths: LabPaths;
  readonly controller = new AbortController();
  /** Environment beside PATH, HOME and LARDER_OFFLINE=1. */
  readonly extra: NodeJS.ProcessEnv = {};
  #said = '';

  constructor(cache?: string) {
    const tools = cache ?? path.join(this.folder, 'cache');
    mkdirSync(this.bin);
    this.paths = {
      tools: path.join(tools, 'tools'),
      images: path.join(tools, 'images'),
      goModules: path.join(tools, 'go'),
      state: path.join(this.folder, 'state'),
    };
  }

  get context(): ToolContext {
    const output = { write: (text: string) => (this.#said += text) };
    return {
      progress: new Progress(output),
      paths: this.paths,
      signal: this.controller.signal,
      env: {
        PATH: `${this.bin}${path.delimiter}/usr/bin${path.delimiter}/bin`,
        HOME: this.folder,
        LARDER_OFFLINE: '1',
        ...this.extra,
      },
    };
  }

  /** Everything shown so far. */
  get said(): string {
    return this.#said;
  }

  /** Puts a shell script on PATH; returns its path. */
  program(name: string, body: string, folder: string = this.bin): string {
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${body}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A tool called `tiny` that prints its version when asked. */
export function tinyTool(origins: Tool['origins'], version = '1.2.3'): Tool {
  return {
    version,
    neededFor: 'this test',
    versionArguments: ['--version'],
    versionPattern: /(?:^|\s)(\d+\.\d+\.\d+)/m,
    origins,
  };
}

/** An archive for this platform with a pinned hash that holds `tiny/tiny`. */
export function toolArchive(url: string, sha256: string): Archive {
  return {
    version: '1.2.3',
    what: 'tiny',
    urls: { [platform]: url },
    checksum: { kind: 'pinned', sha256: { [platform]: sha256 } },
    programs: { tiny: 'tiny/tiny' },
  };
}

/** The fault that `work` fails with; any other outcome fails the test. */
export async function faultOf(work: Promise<unknown>): Promise<LabFault> {
  const error: unknown = await work.then(
    () => 'success',
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof LabFault, `expected a LabFault, got ${String(error)}`);
  return error;
}

export function tinyCatalogue(parts: Partial<Catalogue>): Catalogue {
  return { goVersion: '1.26.8', tools: {}, modules: {}, archives: {}, ...parts };
}
