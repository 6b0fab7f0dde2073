/**
 * Updates a resource and waits until it is ready again. In a preview the server is asked for a dry
 * run, so that what it forbids is known before anything is changed.
 * Source: pulumi-kubernetes `provider.go` `Update`.
 */
import { InitializationFailed, type UpdateRequest } from '../provider/provider.ts';
import type { PropertyMap } from '../provider/value.ts';
import { annotation, annotationOf } from './annotations.ts';
import { isForbidden } from './api-failure.ts';
import { readinessRule } from './await/rules.ts';
import { untilReady } from './await/waiter.ts';
import {
  checkpoint,
  fieldManagerInState,
  initialApiVersionInState,
  inputsInState,
} from './checkpoint.ts';
import type { Cluster } from './cluster.ts';
import { creationManager } from './field-managers.ts';
import { propertyText, toObject } from './inputs.ts';
import { kindOf, resourceType } from './kind.ts';
import { notReadyAfter, updateFailed } from './messages.ts';
import { idOf, type KubeObject, textAt } from './object.ts';
import { withoutRepeats } from './progress.ts';
import { canPreview, clusterOf, type Session } from './session.ts';
import { updateObject } from './update.ts';

export async function update(session: Session, request: UpdateRequest): Promise<PropertyMap> {
  const { settings, context } = session;
  if (!request.preview) clusterOf(session);
  const object = toObject(request.inputs);
  if (object === undefined) {
    if (request.preview) return request.inputs;
    throw new Error('a property is still unknown although this is no preview');
  }
  if (request.preview && !(await canPreview(session, kindOf(object)))) return request.inputs;

  const cluster = clusterOf(session);
  const isPatch = resourceType(request.type, propertyText(request.inputs, 'kind')).form === 'patch';
  const oldFieldManager = fieldManagerInState(request.oldState) || creationManager;
  const wish = annotationOf(object, annotation.patchFieldManager);
  const fieldManager = wish !== '' && settings.enableServerSideApply ? wish : oldFieldManager;
  let after: KubeObject;
  try {
    const updated = await updateObject(
      cluster,
      {
        object,
        oldObject: toObject(inputsInState(request.oldState)) ?? {},
        isPatch,
        fieldManager,
        oldFieldManager,
        serverSideApply: settings.enableServerSideApply,
        enablePatchForce: settings.enablePatchForce,
        ignoreChanges: request.ignoreChanges,
        isPreview: request.preview,
      },
      context.signal,
    );
    after = updated.after;
  } catch (error) {
    if (request.preview && isForbidden(error)) return request.inputs;
    throw updateFailed({ urn: request.urn, fieldManager }, error);
  }
  const outputs = (live: KubeObject) =>
    checkpoint({
      live,
      inputs: request.inputs,
      initialApiVersion: initialApiVersionInState(request.oldState) || textAt(object, 'apiVersion'),
      fieldManager,
    });
  if (request.preview || isPatch) return outputs(after);
  return outputs(await awaited(cluster, session, request, { object, after, outputs }));
}

interface Changed {
  readonly object: KubeObject;
  readonly after: KubeObject;
  readonly outputs: (live: KubeObject) => PropertyMap;
}

async function awaited(
  cluster: Cluster,
  session: Session,
  request: UpdateRequest,
  changed: Changed,
): Promise<KubeObject> {
  const { object, after, outputs } = changed;
  const rule = readinessRule(object);
  if (rule === undefined) return after;
  const { timeoutSeconds } = request;
  const order = { rule, declared: object, object: after, timeoutSeconds };
  const readiness = await untilReady(cluster, order, withoutRepeats(session.context));
  if (readiness.isReady) return readiness.live;
  const message = notReadyAfter('update', idOf(after), readiness.reason);
  throw new InitializationFailed(message, {
    id: request.id,
    outputs: outputs(readiness.live),
    inputs: request.inputs,
    reasons: [message, ...readiness.problems],
  });
}
