/**
 * `<state>/lab.json`: what a lab has made or is about to make on this machine. It is written **before**
 * each thing is made, so that whatever a crash leaves behind is named here.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { LabFault } from '../base/fault.ts';
import type { LabOptions } from './options.ts';

const identity = z.object({ pid: z.number().int(), startTime: z.string() });

const diskState = z.object({
  /** `own`: the disk the node was built with; `empty`: a fresh one in its place; `none`: pulled out. */
  present: z.enum(['own', 'empty', 'none']),
  /** Device number as `major:minor` of the file system mounted now; absent while none is. */
  generation: z.number().int(),
});

const nodeState = z.object({
  /** Tells one life of the node from the next; the kubelet reports it as its boot id. */
  bootId: z.string(),
  disks: z.record(z.string(), diskState),
  /** Power was cut on purpose: a repair gives it back. */
  off: z.boolean(),
});

const schema = z.object({
  version: z.literal(1),
  /** `starting` until the first time every node was Ready; then `up`. */
  phase: z.enum(['starting', 'up']),
  /** Boot id of the machine; when it differs nothing of the lab can be running. */
  machineBootId: z.string(),
  options: z.object({
    name: z.string(),
    nodes: z.array(
      z.object({
        name: z.string(),
        disks: z.array(z.object({ path: z.string(), sizeMiB: z.number() })),
        labels: z.record(z.string(), z.string()).optional(),
      }),
    ),
    apiPort: z.number().optional(),
    fastNodeLoss: z.boolean().optional(),
  }),
  /** The port in use, whether asked for or found free. */
  apiPort: z.number().int(),
  /** By name; null means about to be started. */
  processes: z.record(z.string(), identity.nullable()),
  nodes: z.record(z.string(), nodeState),
  before: z.object({
    /** Loop devices the machine had; those above are removed at the end when nobody uses them. */
    loopDevices: z.array(z.number().int()),
    /** Controllers we switched on in the root control group (version 2 only). */
    rootControllers: z.array(z.string()),
    /** Files outside our folders that pods are known to create, and that were not there. */
    absentFiles: z.array(z.string()),
  }),
});

export type LabRecord = z.infer<typeof schema>;
export type DiskState = z.infer<typeof diskState>;

export class RecordFile {
  readonly #file: string;
  readonly #record: LabRecord;

  private constructor(file: string, record: LabRecord) {
    this.#file = file;
    this.#record = record;
  }

  /** Undefined when there is no lab; a `LabFault` when the file cannot be understood. */
  static read(stateFolder: string): RecordFile | undefined {
    const file = recordPath(stateFolder);
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return new RecordFile(file, parsed.data);
    throw new LabFault(
      `The lab's record ${file} cannot be understood: ${z.prettifyError(parsed.error)}`,
      'run npm stop, which needs no record, and then npm start',
    );
  }

  /** Writes the first record of a new lab. */
  static create(stateFolder: string, record: LabRecord): RecordFile {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    const created = new RecordFile(recordPath(stateFolder), record);
    created.update(() => {});
    return created;
  }

  get current(): LabRecord {
    return this.#record;
  }

  get options(): LabOptions {
    const { apiPort, fastNodeLoss, ...rest } = this.#record.options;
    return {
      name: rest.name,
      nodes: rest.nodes.map(({ labels, ...node }) => ({
        ...node,
        ...(labels === undefined ? {} : { labels }),
      })),
      ...(apiPort === undefined ? {} : { apiPort }),
      ...(fastNodeLoss === undefined ? {} : { fastNodeLoss }),
    };
  }

  /** Changes the record and has it on the disk before it returns. */
  update(change: (record: LabRecord) => void): void {
    change(this.#record);
    const temporary = `${this.#file}.new`;
    writeFileSync(temporary, `${JSON.stringify(this.#record, null, 2)}\n`, {
      mode: 0o600,
      flush: true,
    });
    renameSync(temporary, this.#file);
  }

  node(name: string): LabRecord['nodes'][string] {
    const node = this.#record.nodes[name];
    if (node !== undefined) return node;
    const known = Object.keys(this.#record.nodes).join(', ');
    throw new LabFault(`The lab has no node ${name}.`, `use one of: ${known}`);
  }
}

/** Boot id of the machine itself. */
export function machineBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function recordPath(stateFolder: string): string {
  return path.join(stateFolder, 'lab.json');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
