/**
 * The CSI messages as plain data, as host/csi.proto names their fields. Absent messages are null or
 * undefined, absent texts empty, absent numbers 0: proto3 knows no difference.
 */

type AccessMode =
  | 'UNKNOWN'
  | 'SINGLE_NODE_WRITER'
  | 'SINGLE_NODE_READER_ONLY'
  | 'MULTI_NODE_READER_ONLY'
  | 'MULTI_NODE_SINGLE_WRITER'
  | 'MULTI_NODE_MULTI_WRITER'
  | 'SINGLE_NODE_SINGLE_WRITER'
  | 'SINGLE_NODE_MULTI_WRITER';

export interface VolumeCapability {
  readonly block?: object | null;
  readonly mount?: {
    readonly fsType: string;
    readonly mountFlags: readonly string[];
  } | null;
  readonly accessMode?: { readonly mode: AccessMode } | null;
}

type Texts = Readonly<Record<string, string>>;

interface Topology {
  readonly segments: Texts;
}

interface CapacityRange {
  readonly requiredBytes: number;
  readonly limitBytes: number;
}

/** One of the two. */
export interface ContentSource {
  readonly snapshot?: { readonly snapshotId: string } | null;
  readonly volume?: { readonly volumeId: string } | null;
}

export interface CreateSnapshotRequest {
  readonly sourceVolumeId: string;
  readonly name: string;
  readonly parameters: Texts;
}

export interface CsiSnapshot {
  readonly sizeBytes: number;
  readonly snapshotId: string;
  readonly sourceVolumeId: string;
  readonly creationTime: { readonly seconds: number; readonly nanos: number };
  readonly readyToUse: boolean;
}

/** Empty texts ask for all. */
export interface ListSnapshotsRequest {
  readonly maxEntries: number;
  readonly startingToken: string;
  readonly sourceVolumeId: string;
  readonly snapshotId: string;
}

export interface CreateVolumeRequest {
  readonly name: string;
  readonly capacityRange?: CapacityRange | null;
  readonly volumeCapabilities: readonly VolumeCapability[];
  readonly parameters: Texts;
  readonly volumeContentSource?: ContentSource | null;
  readonly accessibilityRequirements?: {
    readonly requisite: readonly Topology[];
    readonly preferred: readonly Topology[];
  } | null;
  readonly mutableParameters: Texts;
}

export interface CsiVolume {
  readonly volumeId: string;
  readonly capacityBytes: number;
  readonly volumeContext: Texts;
  readonly contentSource?: ContentSource;
}

export interface ControllerPublishRequest {
  readonly volumeId: string;
  readonly nodeId: string;
  readonly volumeCapability?: VolumeCapability | null;
  readonly readonly: boolean;
}

export interface ValidateRequest {
  readonly volumeId: string;
  readonly volumeContext: Texts;
  readonly volumeCapabilities: readonly VolumeCapability[];
  readonly parameters: Texts;
}

export interface CapacityRequest {
  readonly volumeCapabilities: readonly VolumeCapability[];
  readonly parameters: Texts;
  readonly accessibleTopology?: Topology | null;
}

export interface ExpandRequest {
  readonly volumeId: string;
  readonly capacityRange?: CapacityRange | null;
}

export interface NodeExpandRequest extends ExpandRequest {
  /** Where it is published, or staged. */
  readonly volumePath: string;
}

export interface NodeStageRequest {
  readonly volumeId: string;
  readonly stagingTargetPath: string;
  readonly volumeCapability?: VolumeCapability | null;
}

export interface NodePublishRequest extends NodeStageRequest {
  readonly targetPath: string;
  readonly readonly: boolean;
}

interface VolumeStatusMessage {
  readonly publishedNodeIds: readonly string[];
  readonly volumeCondition: { readonly abnormal: boolean; readonly message: string };
}

export interface VolumeEntry {
  readonly volume: CsiVolume;
  readonly status: VolumeStatusMessage;
}
