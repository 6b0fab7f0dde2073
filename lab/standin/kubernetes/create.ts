/**
 * Creates a resource and waits until it is ready. In a preview the server is asked for a dry run;
 * where it cannot be, the inputs stand for the outputs.
 * Source: pulumi-kubernetes `provider.go` `Create`.
 */
import { randomBytes } from 'node:crypto';
import {
  type CreateRequest,
  type CreateResult,
  InitializationFailed,
} from '../provider/provider.ts';
import { annotation, annotationOf } from './annotations.ts';
import { isAlreadyExists, isDryRunImpossible, isForbidden } from './api-failure.ts';
import { readinessRule } from './await/rules.ts';
import { untilReady } from './await/waiter.ts';
import { checkpoint } from './checkpoint.ts';
import { createObject, PreviewImpossible } from './creation.ts';
import { creationManager } from './field-managers.ts';
import { propertyText, toObject } from './inputs.ts';
import { isRelease, kindOf, resourceType } from './kind.ts';
import { creationFailed, notAvailable, notReadyAfter } from './messages.ts';
import { idOf, type KubeObject, textAt, withoutAt } from './object.ts';
import { withoutRepeats } from './progress.ts';
import { canPreview, clusterOf, type Session } from './session.ts';

export async function create(session: Session, request: CreateRequest): Promise<CreateResult> {
  const asInputs: CreateResult = { id: '', outputs: request.inputs };
  const { settings, context } = session;
  if (isRelease(request.type)) {
    if (request.preview) return asInputs;
    throw new Error(notAvailable(request.type));
  }
  const cluster = request.preview ? undefined : clusterOf(session);
  const object = toObject(request.inputs);
  if (object === undefined) {
    if (request.preview) return asInputs;
    throw new Error('a property is still unknown although this is no preview');
  }
  const isPatch = resourceType(request.type, propertyText(request.inputs, 'kind')).form === 'patch';
  if (request.preview) {
    const isAsked = !isPatch && settings.enableServerSideApply;
    if (!isAsked || !(await canPreview(session, kindOf(object)))) return asInputs;
  }

  const fieldManager = newFieldManager(object, settings.enableServerSideApply);
  const progress = withoutRepeats(context);
  const subject = { urn: request.urn, fieldManager };
  let created: KubeObject;
  try {
    created = await createObject(
      cluster ?? clusterOf(session),
      {
        object,
        isPatch,
        fieldManager,
        upsertExisting: settings.upsertExistingObjects && settings.enableServerSideApply,
        enablePatchForce: settings.enablePatchForce,
        isPreview: request.preview,
      },
      progress,
    );
  } catch (error) {
    if (request.preview && isPassedOver(error)) return asInputs;
    throw creationFailed(subject, error);
  }
  const outputs = (live: KubeObject) =>
    checkpoint({
      live,
      inputs: request.inputs,
      initialApiVersion: textAt(object, 'apiVersion'),
      fieldManager,
    });
  // A status that is not there yet must not look like one to programs that read it.
  if (cluster === undefined) return { id: '', outputs: outputs(withoutAt(created, ['status'])) };

  const id = idOf(created);
  const rule = isPatch ? undefined : readinessRule(object);
  if (rule === undefined) return { id, outputs: outputs(created) };
  const { timeoutSeconds } = request;
  const order = { rule, declared: object, object: created, timeoutSeconds };
  const readiness = await untilReady(cluster, order, progress);
  if (readiness.isReady) return { id, outputs: outputs(readiness.live) };
  const message = notReadyAfter('creation', id, readiness.reason);
  throw new InitializationFailed(message, {
    id,
    outputs: outputs(readiness.live),
    inputs: request.inputs,
    reasons: [message, ...readiness.problems],
  });
}

/** Refusals of a dry run that the real run need not meet: the object may be replaced before. */
function isPassedOver(error: unknown): boolean {
  return (
    error instanceof PreviewImpossible ||
    isForbidden(error) ||
    isAlreadyExists(error) ||
    isDryRunImpossible(error)
  );
}

/** The object's own wish, or a name that no other resource has. */
function newFieldManager(object: KubeObject, serverSideApply: boolean): string {
  if (!serverSideApply) return creationManager;
  const wish = annotationOf(object, annotation.patchFieldManager);
  return wish === '' ? `${creationManager}-${randomBytes(4).toString('hex')}` : wish;
}
