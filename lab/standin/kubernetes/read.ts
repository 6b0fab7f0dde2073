/**
 * Reads a resource back: for a refresh, for `get`, for an import. Only the declared parts of the
 * live object are compared with the program later, so what others set is no drift.
 * Source: pulumi-kubernetes `provider.go` `Read`; docs/stand-in-kubernetes.md, "Drift" and
 * "Import".
 */
import { InitializationFailed, type ReadRequest, type ReadResult } from '../provider/provider.ts';
import { annotation, annotationOf } from './annotations.ts';
import { NoSuchKind } from './api-failure.ts';
import { readinessRule } from './await/rules.ts';
import { readinessNow } from './await/waiter.ts';
import { checkpoint, fieldManagerInState, initialApiVersionInState } from './checkpoint.ts';
import type { Cluster } from './cluster.ts';
import { creationManager } from './field-managers.ts';
import { declared, propertyText, toObject } from './inputs.ts';
import { apiVersionOf, kindOf, resourceType } from './kind.ts';
import { notAvailable, notReadyAfter, unreadable } from './messages.ts';
import { declarable, idOf, type KubeObject, parseId, prune, textAt } from './object.ts';
import { markSecrets } from './secrets.ts';
import type { Session } from './session.ts';

export async function read(
  session: Session,
  request: ReadRequest,
): Promise<ReadResult | undefined> {
  const { connection, settings, context } = session;
  if (connection.state === 'unreachable') {
    const reason = `configured Kubernetes cluster is unreachable: ${connection.reason}`;
    context.log('warning', reason);
    if (settings.deleteUnreachable) return undefined;
    if (settings.skipUpdateUnreachable) {
      return { id: request.id, outputs: request.state, inputs: request.inputs };
    }
    throw unreadable(connection.reason);
  }
  const known = toObject(request.inputs) ?? {};
  const isDeclared = textAt(known, 'kind') !== '';
  const shape = isDeclared ? known : identityOf(request);
  const live = await find(connection.cluster, request, shape, context.signal);
  if (live === undefined) return undefined;

  const inputs = declarable(prune(live, shape));
  const marked = markSecrets(declared(inputs), request.inputs);
  const id = request.id === '' ? idOf(live) : request.id;
  const result: ReadResult = {
    id,
    inputs: marked,
    outputs: checkpoint({
      live,
      inputs: marked,
      initialApiVersion: initialApiVersionInState(request.state) || textAt(shape, 'apiVersion'),
      fieldManager: fieldManagerOf(request, shape),
    }),
  };
  const isPatch = resourceType(request.type, textAt(shape, 'kind')).form === 'patch';
  // How well an object of others is, is no business of a patch.
  if (isDeclared && !isPatch)
    await demandReadiness(session, connection.cluster, shape, live, result);
  return result;
}

/** A refresh records that an object is not well; the next update repairs it. */
async function demandReadiness(
  session: Session,
  cluster: Cluster,
  shape: KubeObject,
  live: KubeObject,
  result: ReadResult,
): Promise<void> {
  const rule = readinessRule(shape);
  if (rule === undefined) return;
  const judgement = await readinessNow(cluster, rule, live, session.context.signal);
  if (judgement.state === 'ready') return;
  const message = notReadyAfter('refresh', result.id, judgement.message);
  throw new InitializationFailed(message, {
    ...result,
    reasons: [message, ...judgement.problems],
  });
}

/** Without inputs (`get`, import) the type and the id say which object is meant, and no more. */
function identityOf(request: ReadRequest): KubeObject {
  const type = resourceType(request.type, propertyText(declared(request.state), 'kind'));
  if (type.form === 'unavailable') throw new Error(notAvailable(type.token));
  const { namespace, name } = parseId(request.id);
  if (name === '') {
    throw new Error(
      `${JSON.stringify(request.id)} does not name an object. Expected "namespace/name", or ` +
        '"name" for kinds without namespaces.',
    );
  }
  return {
    apiVersion: apiVersionOf(type.kind),
    kind: type.kind.kind,
    metadata: { name, ...(namespace === '' ? {} : { namespace }) },
  };
}

async function find(
  cluster: Cluster,
  request: ReadRequest,
  shape: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const { namespace, name } = parseId(request.id);
  try {
    return await cluster.find({ kind: kindOf(shape), namespace, name }, signal);
  } catch (error) {
    // Without its CRD a custom object is gone, too.
    if (error instanceof NoSuchKind) return undefined;
    throw error;
  }
}

function fieldManagerOf(request: ReadRequest, shape: KubeObject): string {
  const wish = annotationOf(shape, annotation.patchFieldManager);
  return wish || fieldManagerInState(request.state) || creationManager;
}
