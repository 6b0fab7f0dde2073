/**
 * Answers the engine's question what an edit means; the rule itself is in `diff.ts`.
 * Source: pulumi-kubernetes `provider.go` `Diff`.
 */
import type { DiffRequest, DiffResult } from '../provider/provider.ts';
import type { PropertyMap } from '../provider/value.ts';
import { annotation, isTrue } from './annotations.ts';
import { isComplete } from './await/job.ts';
import { inputsInState } from './checkpoint.ts';
import { referenceTo } from './cluster.ts';
import { diff } from './diff.ts';
import { declared, propertyText, toObject } from './inputs.ts';
import { kindOf, resourceType } from './kind.ts';
import { notAvailable } from './messages.ts';
import { isNamespaced, type Session } from './session.ts';

export async function diffResource(session: Session, request: DiffRequest): Promise<DiffResult> {
  const inputs = declared(request.inputs);
  const type = resourceType(request.type, propertyText(inputs, 'kind'));
  if (type.form === 'unavailable') throw new Error(notAvailable(type.token));
  const { kind } = type;
  const result = diff({
    kind,
    isPatch: type.form === 'patch',
    isNamespaced: await isNamespaced(session, kind),
    oldInputs: oldInputsOf(request),
    inputs,
    ignoreChanges: request.ignoreChanges,
    settings: session.settings,
  });
  return (await isUnready(session, inputs)) ? replacing(result) : result;
}

/** The engine's record of the inputs; states of old providers have them only inside. */
function oldInputsOf(request: DiffRequest): PropertyMap {
  const inputs = declared(request.oldInputs);
  return '__inputs' in inputs ? inputsInState(request.oldState) : inputs;
}

/** The annotation `pulumi.com/replaceUnready`: a Job that did not complete is made anew. */
async function isUnready(session: Session, inputs: PropertyMap): Promise<boolean> {
  const object = toObject(inputs);
  if (object === undefined || !isTrue(object, annotation.replaceUnready)) return false;
  if (kindOf(object).kind !== 'Job') {
    session.context.log('warning', 'replaceUnready annotation is not supported for this resource');
    return false;
  }
  const { connection, context } = session;
  if (connection.state === 'unreachable') return false;
  const live = await connection.cluster.find(referenceTo(object), context.signal);
  return live !== undefined && !isComplete(live);
}

function replacing(result: DiffResult): DiffResult {
  const path = `metadata.annotations["${annotation.replaceUnready}"]`;
  return {
    ...result,
    changes: 'some',
    replaces: [...(result.replaces ?? []), path],
    deleteBeforeReplace: true,
    detailed: new Map([
      ...(result.detailed ?? []),
      [path, { kind: 'update-replace', inputDiff: true }],
    ]),
  };
}
