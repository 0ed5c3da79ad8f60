//! The sources of volumes that Kubernetes 1.24 knows.

use serde_json::{Value, json};

/// The sources of a volume in the order in which the first present one names its type, with the policy's word for it
/// (`pkg/security/podsecuritypolicy/util`, `GetVolumeFSType`).
pub const VOLUME_SOURCES: [(&str, &str); 29] = [
    ("hostPath", "hostPath"),
    ("emptyDir", "emptyDir"),
    ("gcePersistentDisk", "gcePersistentDisk"),
    ("awsElasticBlockStore", "awsElasticBlockStore"),
    ("gitRepo", "gitRepo"),
    ("secret", "secret"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("persistentVolumeClaim", "persistentVolumeClaim"),
    ("rbd", "rbd"),
    ("flexVolume", "flexVolume"),
    ("cinder", "cinder"),
    ("cephfs", "cephFS"),
    ("flocker", "flocker"),
    ("downwardAPI", "downwardAPI"),
    ("fc", "fc"),
    ("azureFile", "azureFile"),
    ("configMap", "configMap"),
    ("vsphereVolume", "vsphereVolume"),
    ("quobyte", "quobyte"),
    ("azureDisk", "azureDisk"),
    ("photonPersistentDisk", "photonPersistentDisk"),
    ("storageos", "storageos"),
    ("projected", "projected"),
    ("portworxVolume", "portworxVolume"),
    ("scaleIO", "scaleIO"),
    ("csi", "csi"),
    ("ephemeral", "ephemeral"),
];

/// The smallest source under a key of [`VOLUME_SOURCES`] that the API server accepts.
pub fn smallest_source(key: &str) -> Value {
    match key {
        "awsElasticBlockStore" | "cinder" | "portworxVolume" => json!({"volumeID": "v"}),
        "azureDisk" => json!({"diskName": "d", "diskURI": "https://example.com/d.vhd"}),
        "azureFile" => json!({"secretName": "s", "shareName": "s"}),
        "cephfs" => json!({"monitors": ["m"]}),
        "configMap" => json!({"name": "c"}),
        "csi" | "flexVolume" => json!({"driver": "example.com"}),
        "ephemeral" => json!({"volumeClaimTemplate": {"spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}}}),
        "fc" => json!({"wwids": ["w"]}),
        "flocker" => json!({"datasetName": "d"}),
        "gcePersistentDisk" => json!({"pdName": "d"}),
        "gitRepo" => json!({"repository": "r"}),
        "glusterfs" => json!({"endpoints": "e", "path": "p"}),
        "hostPath" => json!({"path": "/x"}),
        "iscsi" => json!({"targetPortal": "t:1", "iqn": "iqn.2001-04.com.example:x", "lun": 0}),
        "nfs" => json!({"server": "s", "path": "/x"}),
        "persistentVolumeClaim" => json!({"claimName": "c"}),
        "photonPersistentDisk" => json!({"pdID": "d"}),
        "quobyte" => json!({"registry": "r:1", "volume": "v"}),
        "rbd" => json!({"monitors": ["m"], "image": "i"}),
        "scaleIO" => json!({"gateway": "g", "system": "s", "volumeName": "v", "secretRef": {"name": "s"}}),
        "secret" => json!({"secretName": "s"}),
        "storageos" => json!({"volumeName": "v"}),
        "vsphereVolume" => json!({"volumePath": "v"}),
        _ => json!({}),
    }
}
