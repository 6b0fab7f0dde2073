/**
 * What the engine reported during a command, read from its event log: one JSON object a line, the
 * same events that the screen is drawn from (`sdk/go/common/apitype/events.go`).
 */
import { readFileSync } from 'node:fs';

interface PropertyChange {
  readonly kind: string;
  readonly inputDiff: boolean;
}

interface ResourceSnapshot {
  readonly id: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** One operation on one resource. */
interface Step {
  /** `create`, `update`, `delete`, `replace`, `create-replacement`, `delete-replaced`, `same`, … */
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  /** The logical name: the last part of the URN. */
  readonly name: string;
  /** `begun` when nothing was heard of it after its begin: it was cut off. */
  readonly outcome: 'begun' | 'done' | 'failed';
  /** Properties that force a replacement. */
  readonly replaceKeys: readonly string[];
  /** Top-level properties that changed. */
  readonly changedKeys: readonly string[];
  readonly detailedDiff: Readonly<Record<string, PropertyChange>>;
  readonly before: ResourceSnapshot | undefined;
  readonly after: ResourceSnapshot | undefined;
}

interface Diagnostic {
  readonly severity: 'debug' | 'info' | 'info#err' | 'warning' | 'error';
  readonly urn: string;
  readonly message: string;
}

interface PolicyViolation {
  readonly policy: string;
  readonly pack: string;
  readonly level: string;
  readonly urn: string;
  readonly message: string;
}

export interface EngineReport {
  readonly steps: readonly Step[];
  readonly diagnostics: readonly Diagnostic[];
  readonly violations: readonly PolicyViolation[];
  /** Names of policies that changed a resource. */
  readonly remediations: readonly string[];
}

interface Metadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly keys?: readonly string[];
  readonly diffs?: readonly string[];
  readonly detailedDiff?: Readonly<Record<string, { diffKind: string; inputDiff: boolean }>> | null;
  readonly old?: ResourceSnapshot | null;
  readonly new?: ResourceSnapshot | null;
}

interface Event {
  readonly resourcePreEvent?: { readonly metadata: Metadata };
  readonly resOutputsEvent?: { readonly metadata: Metadata };
  readonly resOpFailedEvent?: { readonly metadata: Metadata };
  readonly diagnosticEvent?: {
    readonly severity: Diagnostic['severity'];
    readonly urn?: string;
    readonly message: string;
  };
  readonly policyEvent?: {
    readonly policyName: string;
    readonly policyPackName: string;
    readonly enforcementLevel: string;
    readonly resourceUrn?: string;
    readonly message: string;
  };
  readonly policyRemediationEvent?: { readonly policyName: string };
}

/**
 * Reads what has been written so far; a half-written last line (the CLI was killed) is left out.
 */
export function readReport(file: string): EngineReport {
  const steps = new Map<string, Step>();
  const diagnostics: Diagnostic[] = [];
  const violations: PolicyViolation[] = [];
  const remediations: string[] = [];
  for (const event of readEvents(file)) {
    const metadata =
      event.resourcePreEvent?.metadata ??
      event.resOutputsEvent?.metadata ??
      event.resOpFailedEvent?.metadata;
    if (metadata !== undefined) {
      const outcome = event.resourcePreEvent ? 'begun' : event.resOpFailedEvent ? 'failed' : 'done';
      const key = `${metadata.op} ${metadata.urn}`;
      steps.set(key, stepOf(metadata, outcome));
    } else if (event.diagnosticEvent !== undefined) {
      const { severity, urn = '', message } = event.diagnosticEvent;
      if (severity !== 'debug') diagnostics.push({ severity, urn, message });
    } else if (event.policyEvent !== undefined) {
      const { policyEvent } = event;
      violations.push({
        policy: policyEvent.policyName,
        pack: policyEvent.policyPackName,
        level: policyEvent.enforcementLevel,
        urn: policyEvent.resourceUrn ?? '',
        message: policyEvent.message,
      });
    } else if (event.policyRemediationEvent !== undefined) {
      remediations.push(event.policyRemediationEvent.policyName);
    }
  }
  return { steps: [...steps.values()], diagnostics, violations, remediations };
}

function readEvents(file: string): Event[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    // A command that failed before the engine began has no log.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    if (line === '') return [];
    try {
      return [JSON.parse(line) as Event];
    } catch (error) {
      if (index === lines.length - 1) return [];
      throw error;
    }
  });
}

function stepOf(metadata: Metadata, outcome: Step['outcome']): Step {
  const detailed = Object.entries(metadata.detailedDiff ?? {});
  return {
    op: metadata.op,
    urn: metadata.urn,
    type: metadata.type,
    name: metadata.urn.split('::').at(-1) ?? '',
    outcome,
    replaceKeys: metadata.keys ?? [],
    changedKeys: metadata.diffs ?? [],
    detailedDiff: Object.fromEntries(
      detailed.map(([path, change]) => [
        path,
        { kind: change.diffKind, inputDiff: change.inputDiff },
      ]),
    ),
    before: metadata.old ?? undefined,
    after: metadata.new ?? undefined,
  };
}

/** Steps that do something, as sorted lines `create password`; the stack and providers left out. */
export function operations(report: EngineReport): string[] {
  return report.steps
    .filter(({ op }) => op !== 'same' && op !== 'refresh' && op !== 'read')
    .filter(({ type }) => !type.startsWith('pulumi:'))
    .map(({ op, name }) => `${op} ${name}`)
    .sort();
}
