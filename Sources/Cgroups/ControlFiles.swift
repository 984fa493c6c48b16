internal import Kernel
internal import OCI

/// The files of one controller in the cgroup's directory, as the code that sets limits sees them: every write names
/// the field of the configuration that it comes from.
struct ControlFiles {
    let directory: String
    /// Name of the controller, for messages.
    let controller: String
    /// The directory is new: everything in it has the kernel's initial value.
    let isNew: Bool
    /// What the fields are below: `linux.resources`, or what an update calls it.
    let origin: String
    /// Why the controller could not be enabled, if that was tried in vain.
    let obstacle: String
    var destination = Destination.kernel
    var notes: [Problem] = []

    /// What becomes of a value that a limit was turned into.
    enum Destination {
        case kernel
        /// Written, and what was there before is kept. `former` are the limits of before.
        case journal(Journal, former: Resources)
        /// Only noted down.
        case list(SettingList)
    }

    func field(_ name: String) -> String { origin.isEmpty ? name : "\(origin).\(name)" }

    func path(_ file: String) -> String { "\(directory)/\(file)" }

    func exists(_ file: String) -> Bool { Files.exists(path(file)) }

    /// Tells the caller that a setting has no effect here.
    mutating func note(_ name: String, _ message: String) { notes.append(Problem(path: field(name), message: message)) }

    // MARK: Writing

    /// One value on its way into a file.
    struct Setting {
        let file: String
        let value: String
        /// The field that it comes from, below the origin.
        let name: String

        init(_ file: String, _ value: String, _ name: String) {
            self.file = file
            self.value = value
            self.name = name
        }
    }

    /// Writes a value; a file that is not there means that the controller is missing, or too old.
    func write(_ setting: Setting, hint: (SystemError) -> String = { _ in "" }) throws(CgroupError) {
        do { try put(setting) } catch {
            throw failure(error, of: setting, hint: hint(error))
        }
    }

    private func put(_ setting: Setting) throws(SystemError) {
        switch destination {
        case .kernel: break
        case .journal(let journal, _): journal.keep(setting, in: directory)
        case .list(let list):
            guard list.assumesFiles || exists(setting.file) else { throw SystemError("open", path(setting.file), .noEntry) }
            list.append(setting, in: directory)
            return
        }
        try Files.writeExisting(path(setting.file), setting.value)
    }

    func write(_ value: String, to file: String, _ name: String) throws(CgroupError) {
        try write(Setting(file, value, name))
    }

    /// Writes a value; false if there is no such file.
    func writeIfPresent(_ value: String, to file: String, _ name: String) throws(CgroupError) -> Bool {
        let setting = Setting(file, value, name)
        do { try put(setting) } catch {
            if error.errno == .noEntry { return false }
            throw failure(error, of: setting, hint: "")
        }
        return true
    }

    /// Writes several values that limit each other, such as memory, and memory with swap. Which order is right depends
    /// on whether they rise or fall; the kernel answers EINVAL to the wrong one. Another refusal ends it at once.
    func writeInFittingOrder(
        _ settings: [Setting], hint: (SystemError) -> String = { _ in "" }
    ) throws(CgroupError) {
        var rest = settings
        while !rest.isEmpty {
            var refused: [Setting] = []
            var refusal: CgroupError?
            for setting in rest {
                do { try put(setting) } catch {
                    let failure = failure(error, of: setting, hint: hint(error))
                    guard error.errno == .invalidArgument else { throw failure }
                    refused.append(setting)
                    refusal = refusal ?? failure
                }
            }
            if let refusal, refused.count == rest.count { throw refusal }
            rest = refused
        }
    }

    private func failure(_ error: SystemError, of setting: Setting, hint: String) -> CgroupError {
        guard error.errno == .noEntry else {
            return .write(error, value: setting.value, field: field(setting.name), hint: hint)
        }
        return missing(setting.file, setting.name)
    }

    /// Why a file is not there: the controller is not enabled, or does not have it.
    func missing(_ file: String, _ name: String) -> CgroupError {
        if obstacle.isEmpty { return .noFile(path(file), field: field(name)) }
        return .noController(controller, field: field(name), reason: obstacle)
    }

    // MARK: Reading

    /// The content of a file without the newline at its end.
    func read(_ file: String, _ name: String) throws(CgroupError) -> String {
        do {
            var bytes = try Files.readOnce(path(file))
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw .system(error, field: field(name), hint: "")
        }
    }

    /// The number in a file; nil if it holds none (`max`), or cannot be read.
    func number(_ file: String) -> Int64? {
        // For a comparison or a message: without the file there is nothing to compare with.
        guard let bytes = try? Files.readOnce(path(file)) else { return nil }
        return Int64(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}
