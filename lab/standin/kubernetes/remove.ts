/**
 * Deletes a resource, or gives a patch's fields back.
 * Source: pulumi-kubernetes `provider.go` `Delete`.
 */
import type { DeleteRequest } from '../provider/provider.ts';
import type { PropertyMap } from '../provider/value.ts';
import { requiredFields } from './api-failure.ts';
import { fieldManagerInState, inputsInState, liveInState } from './checkpoint.ts';
import { deleteObject } from './deletion.ts';
import { creationManager } from './field-managers.ts';
import { declared, propertyText, toObject } from './inputs.ts';
import { resourceType } from './kind.ts';
import { patchHoldsRequiredField, undeletable } from './messages.ts';
import { type KubeObject, mapAt, parseId } from './object.ts';
import { withoutRepeats } from './progress.ts';
import type { Session } from './session.ts';

export async function remove(session: Session, request: DeleteRequest): Promise<void> {
  const { connection, settings, context } = session;
  if (connection.state === 'unreachable') {
    if (settings.deleteUnreachable) {
      context.log(
        'warning',
        `configured Kubernetes cluster is unreachable: ${connection.reason}. The resource is ` +
          'removed from the Pulumi state, as deleteUnreachable demands',
      );
      return;
    }
    throw undeletable(connection.reason);
  }
  const inputs = inputsOf(request);
  const type = resourceType(request.type, propertyText(inputs, 'kind'));
  const isPatch = type.form === 'patch';
  try {
    await deleteObject(
      connection.cluster,
      {
        object: named(toObject(inputs) ?? {}, request.id),
        isPatch,
        serverSideApply: settings.enableServerSideApply,
        fieldManager: fieldManagerInState(request.state) || creationManager,
        timeoutSeconds: request.timeoutSeconds,
      },
      withoutRepeats(context),
    );
  } catch (error) {
    const fields = isPatch ? requiredFields(error) : [];
    throw fields.length > 0 ? patchHoldsRequiredField(fields) : error;
  }
}

/** What was declared last; imported and adopted states may know the live object alone. */
function inputsOf(request: DeleteRequest): PropertyMap {
  const kept = inputsInState(request.state);
  if (propertyText(kept, 'kind') !== '') return kept;
  const old = declared(request.oldInputs);
  return propertyText(old, 'kind') === '' ? liveInState(request.state) : old;
}

/** The id is the truth about which object is meant. */
function named(object: KubeObject, id: string): KubeObject {
  const { namespace, name } = parseId(id);
  const place = namespace === '' ? {} : { namespace };
  return { ...object, metadata: { ...mapAt(object, 'metadata'), name, ...place } };
}
