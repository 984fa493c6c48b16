internal import Kernel
internal import Launch
internal import Planner

/// Pipes of the caller's among the standard streams.
///
/// A pipe belongs to whoever made it, and nobody else may open it again, as a program does that writes to /dev/stdout. Who
/// can name the pipe at all has it, or may look into a process that has it (/proc/PID/fd): letting everybody in gives it
/// to nobody else. The owner stays who it was, so that the caller can go on with it, and the container cannot change it.
/// What has a name, or is a terminal, is somebody's file, and is not touched.
enum CallerPipes {
    /// PIPEFS_MAGIC (linux/magic.h): no pipe of it has a name.
    private static let pipeFileSystem: Int64 = 0x5049_5045

    /// Permits everybody to open the pipes anew in the direction in which they are open. One that belongs to somebody
    /// else, who is not to be overruled, serves as it is.
    static func admitEverybody() {
        for number in Int32(0)...2 {
            let path = "/proc/self/fd/\(number)"
            guard let status = try? Files.status(of: number), status.kind == .fifo,
                (try? Files.fileSystemType(path)) == pipeFileSystem,
                let mode = try? Descriptor.accessMode(of: number)
            else { continue }
            let wanted: UInt32 = [0o444, 0o222, 0o666][Int(min(mode, 2))]
            if status.permissions & wanted != wanted {
                try? Files.changeMode(path, to: status.permissions | wanted)
            }
        }
    }
}
