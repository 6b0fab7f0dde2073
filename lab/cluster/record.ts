/**
 * `<state>/lab.json`: what a lab has made or is about to make on this machine. It is written
 * **before** each thing is made, so that whatever a crash leaves behind is named here.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { LabFault } from '../base/fault.ts';

const identity = z.object({ pid: z.number().int(), startTime: z.string() });

const diskState = z.object({
  /**
   * `own`: the disk the node was built with; `empty`: a fresh one in its place; `none`: pulled out.
   */
  present: z.enum(['own', 'empty', 'none']),
});

const nodeState = z.object({
  /** Tells one life of the node from the next; the kubelet reports it as its boot id. */
  bootId: z.string(),
  disks: z.record(z.string(), diskState),
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
        labels: z.record(z.string(), z.string()),
      }),
    ),
    fastNodeLoss: z.boolean(),
  }),
  /** The port in use, whether asked for or found free. */
  apiPort: z.number().int(),
  /** By name; null means about to be started. */
  processes: z.record(z.string(), identity.nullable()),
  nodes: z.record(z.string(), nodeState),
  /** What a node needs from the machine to boot. */
  host: z.object({
    readOnlyFolders: z.array(z.string()),
  }),
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
export type NodeState = z.infer<typeof nodeState>;
export type DiskState = z.infer<typeof diskState>;

/** The file is read at every use: a test's handle and `npm stop` may hold it at the same time. */
export class RecordFile {
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  /** Undefined when there is no lab; a `LabFault` when the file cannot be understood. */
  static find(stateFolder: string): RecordFile | undefined {
    const file = path.join(stateFolder, 'lab.json');
    if (!existsSync(file)) return undefined;
    const found = new RecordFile(file);
    found.#read();
    return found;
  }

  /** Writes the first record of a new lab. */
  static create(stateFolder: string, record: LabRecord): RecordFile {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    const created = new RecordFile(path.join(stateFolder, 'lab.json'));
    created.#write(record);
    return created;
  }

  get current(): LabRecord {
    return this.#read();
  }

  /** Changes the record and has it on the disk before it returns. */
  update(change: (record: LabRecord) => void): void {
    const record = this.#read();
    change(record);
    this.#write(record);
  }

  /** Changes the state of one node. */
  updateNode(name: string, change: (node: NodeState) => void): void {
    this.update((record) => change(nodeIn(record, name)));
  }

  node(name: string): NodeState {
    return nodeIn(this.#read(), name);
  }

  #read(): LabRecord {
    const parsed = schema.safeParse(parseJson(readFileSync(this.#file, 'utf8')));
    if (parsed.success) return parsed.data;
    throw new LabFault(
      `The lab's record ${this.#file} cannot be understood: ${z.prettifyError(parsed.error)}`,
      'run npm stop, which needs no record, and then npm start',
    );
  }

  #write(record: LabRecord): void {
    const temporary = `${this.#file}.new`;
    const text = `${JSON.stringify(record, null, 2)}\n`;
    writeFileSync(temporary, text, { mode: 0o600, flush: true });
    renameSync(temporary, this.#file);
  }
}

/** Boot id of the machine itself. */
export function machineBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function nodeIn(record: LabRecord, name: string): NodeState {
  const node = record.nodes[name];
  if (node !== undefined) return node;
  throw new LabFault(
    `The lab has no node ${name}.`,
    `use one of: ${Object.keys(record.nodes).join(', ')}`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
