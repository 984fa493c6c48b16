internal import OCI

/// The rdma controller, the same in both versions (Documentation/admin-guide/cgroup-v1/rdma.rst).
enum RDMA {
    static func set(_ devices: [Resources.RDMA], _ files: inout ControlFiles) throws(CgroupError) {
        for device in devices {
            try files.write(line(device), to: "rdma.max", "rdma[\"\(device.device)\"]")
        }
    }

    /// `mlx5_0 hca_handle=3 hca_object=100`; what is not given keeps its limit.
    static func line(_ device: Resources.RDMA) -> String {
        let handles = device.hcaHandles.map { " hca_handle=\($0)" } ?? ""
        let objects = device.hcaObjects.map { " hca_object=\($0)" } ?? ""
        return device.device + handles + objects
    }
}
