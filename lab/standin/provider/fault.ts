/** Turns what a provider threw into the gRPC error that the engine understands. */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import providerPb from '@pulumi/pulumi/proto/provider_pb.js';
import statusPb from '@pulumi/pulumi/proto/status_pb.js';
import anyPb from 'google-protobuf/google/protobuf/any_pb.js';
import { InitializationFailed } from './provider.ts';
import { encode } from './wire.ts';

/**
 * gRPC's name for "this method is not there"; the engine falls back to older ways when it sees it.
 */
export class Unimplemented extends Error {}

/** Structured details travel in this header, as in every gRPC implementation. */
const detailsHeader = 'grpc-status-details-bin';

export function toServiceError(thrown: unknown): Partial<ServiceError> {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof Unimplemented) return { code: status.UNIMPLEMENTED, message };
  if (!(thrown instanceof InitializationFailed)) return { code: status.UNKNOWN, message };

  const detail = new providerPb.ErrorResourceInitFailed();
  detail.setId(thrown.id);
  detail.setProperties(encode(thrown.outputs));
  detail.setInputs(encode(thrown.inputs));
  detail.setReasonsList([...thrown.reasons]);
  const any = new anyPb.Any();
  any.pack(detail.serializeBinary(), 'pulumirpc.ErrorResourceInitFailed');
  const full = new statusPb.Status();
  full.setCode(status.UNKNOWN);
  full.setMessage(message);
  full.addDetails(any);
  const metadata = new Metadata();
  metadata.add(detailsHeader, Buffer.from(full.serializeBinary()));
  return { code: status.UNKNOWN, message, metadata };
}
