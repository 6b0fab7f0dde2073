/**
 * `command:local:Command` and `command:local:run`. The rules, each with its source, are in
 * docs/stand-ins.md and proven in test/engine/conformance-command.spec.ts.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { checkInputs, knownInputs } from '../provider/inputs.ts';
import { differences, pathText } from '../provider/property-diff.ts';
import type {
  CallContext,
  CheckRequest,
  CheckResult,
  CreateRequest,
  CreateResult,
  DeleteRequest,
  DiffRequest,
  DiffResult,
  InvokeRequest,
  InvokeResult,
  PropertyChange,
  UpdateRequest,
} from '../provider/provider.ts';
import {
  Archive,
  Asset,
  hasSecret,
  hasUnknown,
  mapValues,
  type PropertyMap,
  reveal,
  Secret,
  unknown,
} from '../provider/value.ts';
import { filesMatching } from './globs.ts';
import { localCommand, localRun, type RunInputs } from './inputs.ts';
import { type Printed, runShell } from './shell.ts';

/** Outputs that a run makes; everything else in the state is an input of the same name. */
const made = ['stdout', 'stderr', 'assets', 'archive'] as const;

export function checkCommand({ inputs }: CheckRequest): CheckResult {
  // infer fills in the one default that the schema has.
  const complete = { addPreviousOutputInEnv: true, ...inputs };
  return { inputs: complete, failures: checkInputs(localCommand, inputs) };
}

/** The one input whose change replaces. */
const replacing = 'triggers';

/** `triggers` carries `replaceOnChanges`; every other change is an update. */
export function diffCommand({ oldInputs, inputs }: DiffRequest): DiffResult {
  const found = differences(oldInputs, inputs);
  const detailed = new Map<string, PropertyChange>();
  for (const { segments, kind } of found) {
    const replaces = segments[0] === replacing;
    detailed.set(pathText(segments), {
      kind: replaces ? `${kind}-replace` : kind,
      inputDiff: true,
    });
  }
  const changed = [...new Set(found.map(({ segments }) => String(segments[0])))];
  return {
    changes: changed.length === 0 ? 'none' : 'some',
    changed,
    replaces: changed.filter((key) => key === replacing),
    detailed,
  };
}

export async function createCommand(
  request: CreateRequest,
  context: CallContext,
): Promise<CreateResult> {
  const { inputs, preview, name } = request;
  if (preview) return { id: '', outputs: { ...inputs, ...pending(inputs) } };
  const id = `${name}${randomBytes(4).toString('hex')}`;
  const { create, ...rest } = knownInputs(localCommand, runnable(inputs));
  if (create === undefined) return { id, outputs: { ...inputs, ...emptyOutputs(inputs) } };
  const outputs = await run(create, rest, undefined, inputs, request.timeoutSeconds, context);
  return { id, outputs: { ...inputs, ...outputs } };
}

export async function updateCommand(
  request: UpdateRequest,
  context: CallContext,
): Promise<PropertyMap> {
  const { inputs, oldState, preview } = request;
  if (preview) return { ...inputs, ...pending(inputs) };
  const { create, update, ...rest } = knownInputs(localCommand, runnable(inputs));
  const command = update ?? create;
  const kept = Object.fromEntries(made.flatMap((key) => take(oldState, key)));
  if (command === undefined) return { ...inputs, ...kept };
  const previous = printedIn(oldState);
  const outputs = await run(command, rest, previous, inputs, request.timeoutSeconds, context);
  return { ...inputs, ...kept, ...outputs };
}

/** Runs from the state alone: the command, folder and environment of the last update. */
export async function deleteCommand(request: DeleteRequest, context: CallContext): Promise<void> {
  const { state } = request;
  const inputs = Object.fromEntries(
    Object.entries(state).filter(([key]) => key in localCommand.shape),
  );
  const { delete: command, ...rest } = knownInputs(localCommand, runnable(inputs));
  if (command === undefined) return;
  await run(command, rest, printedIn(state), inputs, request.timeoutSeconds, context);
}

/** `command:local:run` runs at every evaluation, in previews too. */
export async function invokeRun(
  { args }: InvokeRequest,
  context: CallContext,
): Promise<InvokeResult> {
  const failures = checkInputs(localRun, args);
  if (failures.length > 0) return { result: {}, failures };
  if (hasUnknown(args)) {
    return { result: { ...args, ...mapValues(emptyOutputs(args), () => unknown) } };
  }
  const { command, ...rest } = knownInputs(localRun, args);
  const outputs = await run(command, rest, undefined, args, undefined, context);
  return { result: { ...args, ...outputs } };
}

async function run(
  command: string,
  inputs: RunInputs,
  previous: Printed | undefined,
  given: PropertyMap,
  timeoutSeconds: number | undefined,
  context: CallContext,
): Promise<PropertyMap> {
  const limits = [context.signal];
  if (timeoutSeconds !== undefined) limits.push(AbortSignal.timeout(timeoutSeconds * 1000));
  const printed = await runShell(command, inputs, previous, {
    signal: AbortSignal.any(limits),
    env: process.env,
    onLine: (line) => context.status(line),
  });
  return sealed({ stdout: printed.stdout, stderr: printed.stderr, ...files(inputs) }, given);
}

function files(inputs: RunInputs): PropertyMap {
  const folder = inputs.dir ?? process.cwd();
  const matching = (globs: readonly string[]) =>
    Object.fromEntries(
      filesMatching(folder, globs).map((file) => [
        file,
        new Asset({ path: path.join(folder, file) }),
      ]),
    );
  return {
    ...(inputs.assetPaths === undefined ? {} : { assets: matching(inputs.assetPaths) }),
    ...(inputs.archivePaths === undefined
      ? {}
      : { archive: new Archive({ assets: matching(inputs.archivePaths) }) }),
  };
}

/**
 * Every output depends on every input (infer's default wiring): one secret makes all of them
 * secret.
 */
function sealed(outputs: PropertyMap, inputs: PropertyMap): PropertyMap {
  const isSecret = Object.values(inputs).some(hasSecret);
  return isSecret ? mapValues(outputs, (value) => new Secret(value)) : outputs;
}

function pending(inputs: PropertyMap): PropertyMap {
  const optional = {
    ...('assetPaths' in inputs ? { assets: unknown } : {}),
    ...('archivePaths' in inputs ? { archive: unknown } : {}),
  };
  return sealed({ stdout: unknown, stderr: unknown, ...optional }, inputs);
}

function emptyOutputs(inputs: PropertyMap): PropertyMap {
  return sealed({ stdout: '', stderr: '' }, inputs);
}

/** Triggers may hold assets and archives, which are data of the engine and not of a schema. */
function runnable(inputs: PropertyMap): PropertyMap {
  const { triggers: _opaque, ...rest } = inputs;
  return rest;
}

function take(map: PropertyMap, key: string): [string, PropertyMap[string]][] {
  const value = map[key];
  return value === undefined ? [] : [[key, value]];
}

function printedIn(state: PropertyMap): Printed {
  const text = (key: string) => {
    const value = reveal(state[key] ?? '');
    return typeof value === 'string' ? value : '';
  };
  return { stdout: text('stdout'), stderr: text('stderr') };
}
