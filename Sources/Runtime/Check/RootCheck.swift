internal import Kernel
internal import OCI

extension BundleCheck {
    /// The root file system, resolved; nil if there is none that could be looked into.
    mutating func checkRoot(_ spec: Spec) -> String? {
        let given = absolute(spec.root.path)
        let path: String
        do {
            path = try Files.realPath(given)
            guard try Files.status(path).kind == .directory else {
                addError("root.path", "\(path) is not a directory", "name the directory of the root file system")
                return nil
            }
        } catch {
            failure("root.path", error, "unpack the image there, or correct the path")
            return nil
        }
        guard Files.isExecutable(path), Files.isReadable(path) else {
            if isRoot {
                addError("root.path", "\(path) cannot be searched", "chmod +rx")
            } else {
                addWarning(
                    "root.path", "\(path) may not be looked into, so what is in it was not checked",
                    "run the check as root")
            }
            return nil
        }
        return path
    }
}
