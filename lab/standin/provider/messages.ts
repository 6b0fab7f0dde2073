/** Requests and responses of `pulumirpc.ResourceProvider` as the plain data of `provider.ts`. */
import pb from '@pulumi/pulumi/proto/provider_pb.js';
import type * as providerPb from '@pulumi/pulumi/proto/provider_pb.js';
import type {
  Autonaming,
  CheckFailure,
  CheckRequest,
  CheckResult,
  DiffRequest,
  DiffResult,
  PropertyChangeKind,
} from './provider.ts';
import type { PropertyMap } from './value.ts';
import { decode, encode } from './wire.ts';

const changeKind: Record<PropertyChangeKind, providerPb.PropertyDiff.Kind> = {
  add: pb.PropertyDiff.Kind.ADD,
  'add-replace': pb.PropertyDiff.Kind.ADD_REPLACE,
  delete: pb.PropertyDiff.Kind.DELETE,
  'delete-replace': pb.PropertyDiff.Kind.DELETE_REPLACE,
  update: pb.PropertyDiff.Kind.UPDATE,
  'update-replace': pb.PropertyDiff.Kind.UPDATE_REPLACE,
};

interface Identified {
  getUrn(): string;
  getType(): string;
  getName(): string;
}

export function identity(request: Identified): { urn: string; type: string; name: string } {
  return { urn: request.getUrn(), type: request.getType(), name: request.getName() };
}

export function positive(seconds: number): number | undefined {
  return seconds > 0 ? seconds : undefined;
}

export function checkRequest(request: providerPb.CheckRequest): CheckRequest {
  return {
    ...identity(request),
    oldInputs: request.hasOlds() ? decode(request.getOlds()) : undefined,
    inputs: decode(request.getNews()),
    randomSeed: request.getRandomseed_asU8(),
    autonaming: autonaming(request.getAutonaming()),
  };
}

function autonaming(
  options: providerPb.CheckRequest.AutonamingOptions | undefined,
): Autonaming | undefined {
  if (options === undefined) return undefined;
  const { Mode } = pb.CheckRequest.AutonamingOptions;
  const name = options.getProposedName();
  if (options.getMode() === Mode.DISABLE) return { mode: 'disable' };
  return { mode: options.getMode() === Mode.ENFORCE ? 'enforce' : 'propose', name };
}

export function checkResponse(result: CheckResult): providerPb.CheckResponse {
  const response = new pb.CheckResponse();
  response.setInputs(encode(result.inputs));
  response.setFailuresList((result.failures ?? []).map(checkFailure));
  return response;
}

export function checkFailure(failure: CheckFailure): providerPb.CheckFailure {
  const message = new pb.CheckFailure();
  message.setProperty(failure.property);
  message.setReason(failure.reason);
  return message;
}

export function diffRequest(request: providerPb.DiffRequest): DiffRequest {
  const oldState: PropertyMap = decode(request.getOlds());
  return {
    ...identity(request),
    id: request.getId(),
    oldInputs: request.hasOldInputs() ? decode(request.getOldInputs()) : oldState,
    oldState,
    inputs: decode(request.getNews()),
    ignoreChanges: request.getIgnorechangesList(),
  };
}

export function diffResponse(result: DiffResult): providerPb.DiffResponse {
  const { DIFF_NONE, DIFF_SOME } = pb.DiffResponse.DiffChanges;
  const response = new pb.DiffResponse();
  response.setChanges(result.changes === 'none' ? DIFF_NONE : DIFF_SOME);
  response.setReplacesList([...(result.replaces ?? [])]);
  response.setStablesList([...(result.stables ?? [])]);
  response.setDeletebeforereplace(result.deleteBeforeReplace ?? false);
  response.setDiffsList([...(result.changed ?? [])]);
  if (result.detailed !== undefined) {
    response.setHasdetaileddiff(true);
    for (const [path, change] of result.detailed) {
      const message = new pb.PropertyDiff();
      message.setKind(changeKind[change.kind]);
      message.setInputdiff(change.inputDiff);
      response.getDetaileddiffMap().set(path, message);
    }
  }
  return response;
}
