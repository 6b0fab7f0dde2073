/** Why a CSI request is not carried out, with the code by which sidecars and kubelet decide. */

/** Numbers of google.rpc.Code, as gRPC sends them. */
export const codes = {
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  /** Another operation on the same volume is under way, or somebody wrote meanwhile: ask again. */
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

export class Refusal extends Error {
  readonly code: keyof typeof codes;

  /** @param message what was found, what was expected, what to do */
  constructor(code: keyof typeof codes, message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}
