/** The CSI services as gRPC serves them: names of methods, and shapes of their answers. */
import { limits } from '../base/limits.ts';
import type {
  CapacityRequest,
  ControllerPublishRequest,
  CreateSnapshotRequest,
  CreateVolumeRequest,
  ExpandRequest,
  ListSnapshotsRequest,
  NodeExpandRequest,
  NodePublishRequest,
  NodeStageRequest,
  ValidateRequest,
} from '../csi/messages.ts';
import { type CsiController, nodeTopology } from '../drive/csi-controller.ts';
import type { CsiSnapshots } from '../drive/csi-snapshots.ts';
import type { CsiNode } from '../drive/csi-node.ts';
import type { GrpcService } from '../host/grpc-server.ts';

export const driverName = 'csi.larder.dev';
const driverVersion = '0.1.0';

const controllerCapabilities = [
  'CREATE_DELETE_VOLUME',
  'PUBLISH_UNPUBLISH_VOLUME',
  'LIST_VOLUMES',
  'LIST_VOLUMES_PUBLISHED_NODES',
  'GET_CAPACITY',
  'CREATE_DELETE_SNAPSHOT',
  'LIST_SNAPSHOTS',
  'GET_SNAPSHOT',
  'CLONE_VOLUME',
  'EXPAND_VOLUME',
  'GET_VOLUME',
  'VOLUME_CONDITION',
  'SINGLE_NODE_MULTI_WRITER',
];

const nodeCapabilities = [
  'STAGE_UNSTAGE_VOLUME',
  'GET_VOLUME_STATS',
  'EXPAND_VOLUME',
  'VOLUME_CONDITION',
  'SINGLE_NODE_MULTI_WRITER',
];

const rpc = (type: string) => ({ rpc: { type } });

/**
 * @param isReady asked by the sidecars before anything else, again and again until it is so
 */
export function identityService(isReady = () => true): GrpcService {
  return {
    proto: 'csi.proto',
    name: 'csi.v1.Identity',
    handlers: {
      GetPluginInfo: async () => ({ name: driverName, vendorVersion: driverVersion, manifest: {} }),
      GetPluginCapabilities: async () => ({
        capabilities: [
          { service: { type: 'CONTROLLER_SERVICE' } },
          { service: { type: 'VOLUME_ACCESSIBILITY_CONSTRAINTS' } },
          // And OFFLINE with it: what grew unattached is fitted when it is staged.
          { volumeExpansion: { type: 'ONLINE' } },
        ],
      }),
      Probe: async () => ({ ready: { value: isReady() } }),
    },
  };
}

export function controllerService(controller: CsiController, snapshots: CsiSnapshots): GrpcService {
  return {
    proto: 'csi.proto',
    name: 'csi.v1.Controller',
    handlers: {
      CreateVolume: async (request: CreateVolumeRequest) => ({
        volume: await controller.createVolume(request),
      }),
      DeleteVolume: async ({ volumeId }: { volumeId: string }) => {
        await controller.deleteVolume(volumeId);
        return {};
      },
      ControllerPublishVolume: async (request: ControllerPublishRequest) => ({
        publishContext: await controller.publish(request),
      }),
      ControllerUnpublishVolume: async (request: { volumeId: string; nodeId: string }) => {
        await controller.unpublish(request.volumeId, request.nodeId);
        return {};
      },
      ValidateVolumeCapabilities: async (request: ValidateRequest) => controller.validate(request),
      ListVolumes: async (request: { maxEntries: number; startingToken: string }) =>
        controller.list(request.maxEntries, request.startingToken),
      GetCapacity: async (request: CapacityRequest) => controller.capacity(request),
      CreateSnapshot: async (request: CreateSnapshotRequest) => ({
        snapshot: await snapshots.create(request),
      }),
      DeleteSnapshot: async ({ snapshotId }: { snapshotId: string }) => {
        await snapshots.delete(snapshotId);
        return {};
      },
      GetSnapshot: async ({ snapshotId }: { snapshotId: string }) => ({
        snapshot: await snapshots.get(snapshotId),
      }),
      ListSnapshots: async (request: ListSnapshotsRequest) => snapshots.list(request),
      ControllerExpandVolume: async (request: ExpandRequest) => controller.expand(request),
      ControllerGetCapabilities: async () => ({ capabilities: controllerCapabilities.map(rpc) }),
      ControllerGetVolume: async ({ volumeId }: { volumeId: string }) => controller.get(volumeId),
    },
  };
}

export function nodeService(node: CsiNode, name: string): GrpcService {
  return {
    proto: 'csi.proto',
    name: 'csi.v1.Node',
    handlers: {
      NodeStageVolume: async (request: NodeStageRequest) => node.stage(request),
      NodeUnstageVolume: async (request: { volumeId: string; stagingTargetPath: string }) =>
        node.unstage(request.volumeId, request.stagingTargetPath),
      NodePublishVolume: async (request: NodePublishRequest) => node.publish(request),
      NodeUnpublishVolume: async (request: { volumeId: string; targetPath: string }) =>
        node.unpublish(request.volumeId, request.targetPath),
      NodeGetVolumeStats: async (request: { volumeId: string; volumePath: string }) =>
        node.stats(request.volumeId, request.volumePath),
      NodeExpandVolume: async (request: NodeExpandRequest) => node.expand(request),
      NodeGetCapabilities: async () => ({ capabilities: nodeCapabilities.map(rpc) }),
      NodeGetInfo: async () => ({
        nodeId: name,
        maxVolumesPerNode: limits.attachedVolumesMax,
        accessibleTopology: { segments: { [nodeTopology]: name } },
      }),
    },
  };
}

/** Makes the driver known to the kubelet, which looks into a folder of sockets. */
export function registrationService(
  endpoint: string,
  onStatus: (error: string) => void,
): GrpcService {
  return {
    proto: 'registration.proto',
    name: 'pluginregistration.Registration',
    handlers: {
      GetInfo: async () => ({
        type: 'CSIPlugin',
        name: driverName,
        endpoint,
        supportedVersions: ['1.0.0'],
      }),
      NotifyRegistrationStatus: async (outcome: { pluginRegistered: boolean; error: string }) => {
        onStatus(outcome.pluginRegistered ? '' : outcome.error);
        return {};
      },
    },
  };
}
