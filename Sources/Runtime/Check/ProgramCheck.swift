internal import Kernel
internal import OCI
internal import Planner

extension BundleCheck {
    /// The program and the working directory, as the container finds them in its root.
    mutating func checkProgram(_ process: OCI.Process, _ spec: Spec, _ root: String) {
        do {
            let view = try RootView(root)
            checkDirectory(process, spec, view)
            checkProgram(process, spec, view)
        } catch {
            failure("root.path", error, "")
        }
    }

    private mutating func checkDirectory(_ process: OCI.Process, _ spec: Spec, _ view: borrowing RootView) {
        guard covers.mount(over: process.cwd) == nil else { return }
        // What is missing is made.
        guard let status = try? view.status(process.cwd), status.kind != .directory else { return }
        addError("process.cwd", "\(process.cwd) is not a directory in the root file system", "name a directory")
    }

    private mutating func checkProgram(_ process: OCI.Process, _ spec: Spec, _ view: borrowing RootView) {
        let field = "process.args[0]"
        var denied: String?
        for candidate in Plan.programCandidates(of: process) {
            let path = lexicallyClean(candidate.isAbsolute ? candidate : "\(process.cwd)/\(candidate)")
            // Inside of a mount only the container can look.
            if let mount = covers.mount(over: path) {
                if spec.mounts[mount].isBind || spec.mounts[mount].tmpcopyup { return }
                continue
            }
            do {
                let status = try view.status(path)
                guard status.kind == .regular, mayExecute(status, process, spec.linux) else {
                    denied = denied ?? path
                    continue
                }
                return checkFormat(path, field, view)
            } catch {
                if error.errno == .accessDenied, !isRoot { return failure(field, error, "") }
            }
        }
        tellMissing(process, spec, denied, field)
    }

    private mutating func tellMissing(_ process: OCI.Process, _ spec: Spec, _ denied: String?, _ field: String) {
        let name = process.args[0]
        if let denied {
            addError(
                field, "\(denied) is in the root file system, and cannot be executed by uid \(process.user.uid)",
                "chmod +x, or name another program")
        } else if spec.mounts.contains(where: { $0.isBind && !Self.isSystemPlace($0.destination) }) {
            addWarning(
                field, "\(name) is not in the root file system, unless a mount brings it", "correct the name or PATH")
        } else if name.hasSlash {
            addError(
                field, "there is no \(name) in the root file system",
                "correct the name, or add the program to the image")
        } else {
            addError(
                field, "there is no \(name) in the PATH of the container",
                "correct the name or PATH, or add the program to the image")
        }
    }

    /// Whether nothing that is executed is ever mounted there.
    private static func isSystemPlace(_ destination: String) -> Bool {
        ["/proc", "/dev", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"].contains { place in
            destination == place || destination.begins(with: place + "/")
        }
    }

    /// Whether the process may execute a file, by its mode alone.
    private func mayExecute(_ file: FileStatus, _ process: OCI.Process, _ linux: Linux) -> Bool {
        guard file.permissions & 0o111 != 0 else { return false }
        if process.capabilities?.effective.contains(.dacOverride) == true { return true }
        let uid = Self.hostID(of: process.user.uid, linux.uidMappings, linux)
        let groups = ([process.user.gid] + process.user.additionalGids).map {
            Self.hostID(of: $0, linux.gidMappings, linux)
        }
        if uid == file.uid { return file.permissions & 0o100 != 0 }
        if groups.contains(file.gid) { return file.permissions & 0o010 != 0 }
        return file.permissions & 0o001 != 0
    }

    private static func hostID(of id: UInt32, _ mappings: [IDMapping], _ linux: Linux) -> UInt32? {
        guard linux.separates(.user) else { return id }
        for mapping in mappings where id >= mapping.containerID && id - mapping.containerID < mapping.size {
            return mapping.hostID &+ (id - mapping.containerID)
        }
        return nil
    }

    // MARK: What is in the file

    /// An interpreter or a dynamic loader that is missing makes exec say "no such file" of a program that is there.
    private mutating func checkFormat(_ path: String, _ field: String, _ view: borrowing RootView) {
        // A file that its user alone may read is none of the check's business.
        guard let head = try? view.head(path, atMost: 4096), !head.isEmpty else { return }
        let needed: String?
        if head.starts(with: "#!".utf8) {
            let line = head.dropFirst(2).prefix { $0 != 10 }.drop { $0 == 32 || $0 == 9 }
            needed = String(decoding: line.prefix { $0 != 32 && $0 != 9 }, as: UTF8.self)
        } else if let header = ELFHeader(head) {
            if let machine = header.foreignMachine {
                return addError(
                    field, "\(path) is for another processor (ELF machine \(machine))", "use an image for this machine")
            }
            needed = header.loader(in: head)
        } else {
            return addWarning(field, "\(path) is neither an ELF program nor a script with #!", "exec will refuse it")
        }
        guard let needed, !needed.isEmpty else { return }
        if (try? view.status(needed)) == nil {
            addError(
                field, "\(path) needs \(needed), which is not in the root file system",
                "add it to the image, or use a static program")
        }
    }
}

/// The part of an ELF header that says who can execute the file (elf(5)); 64 bits, little-endian.
private struct ELFHeader {
    private let machine: UInt16
    private let is64Bit: Bool
    private let tableOffset: Int
    private let entrySize: Int
    private let count: Int

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 64, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return nil }
        is64Bit = bytes[4] == 2 && bytes[5] == 1
        machine = UInt16(bytes[18]) | UInt16(bytes[19]) << 8
        tableOffset = Self.number(bytes, 32, 8)
        entrySize = Self.number(bytes, 54, 2)
        count = Self.number(bytes, 56, 2)
    }

    /// The machine, if this kernel's processor is not it. 32-bit programs of the same family are left to the kernel.
    var foreignMachine: UInt16? {
        #if arch(x86_64)
            let own: [UInt16] = [62, 3]  // EM_X86_64, EM_386
        #else
            let own: [UInt16] = [183, 40]  // EM_AARCH64, EM_ARM
        #endif
        return own.contains(machine) ? nil : machine
    }

    /// The text of PT_INTERP; nil for a static program, or if it is not among the bytes.
    func loader(in bytes: [UInt8]) -> String? {
        guard is64Bit, entrySize >= 56 else { return nil }
        for index in 0..<min(count, 64) {
            let (start, isOver) = tableOffset.addingReportingOverflow(index * entrySize)
            guard !isOver, start >= 0, start <= bytes.count - 56 else { return nil }
            guard Self.number(bytes, start, 4) == 3 else { continue }  // PT_INTERP
            let offset = Self.number(bytes, start + 8, 8)
            let size = Self.number(bytes, start + 32, 8)
            guard offset >= 0, size > 1, offset <= bytes.count, size <= bytes.count - offset else { return nil }
            return String(decoding: bytes[offset..<(offset + size)].prefix { $0 != 0 }, as: UTF8.self)
        }
        return nil
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ size: Int) -> Int {
        Int(truncatingIfNeeded: bytes[offset..<(offset + size)].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
