internal import Kernel
public import OCI

/// What was asked of a cgroup, and what the kernel made of it.
public struct CgroupInspection: Sendable, Equatable {
    /// One limit that was asked for.
    public struct Setting: Sendable, Equatable {
        public let asked: AskedSetting
        /// The files that hold it; none if it has no effect here.
        public let files: [File]
        /// What is worth knowing: that it was translated, that it has no effect, that it is no longer what was set.
        public let remarks: [String]
    }

    /// A file that holds a limit.
    public struct File: Sendable, Equatable {
        public let path: String
        /// What the limit is in this file's own terms.
        public let set: String
        /// What the kernel says now; nil if the file cannot be read.
        public let value: String?
    }

    /// What decides about devices.
    public struct Devices: Sendable, Equatable {
        /// The rules that were asked for, such as `allow c 1:3 rwm`; those of every container come after them.
        public let asked: [String]
        /// v1's list; empty on v2.
        public let files: [File]
        /// v2: the names and ids of the programs that are attached.
        public let programs: [String]
    }

    public let settings: [Setting]
    public let devices: Devices
}

extension Cgroup {
    /// Compares limits that were asked for with what the kernel has now. Changes nothing.
    public func inspect(_ resources: Resources) -> CgroupInspection {
        let list = SettingList()
        var limits = Limits(self, resources, .update, "", .list(list))
        limits.listEverything()
        return CgroupInspection(
            settings: Self.settings(resources, list, limits.notes), devices: inspectDevices(resources.devices))
    }

    /// Each limit that was asked for, with the files that it went into.
    static func settings(
        _ resources: Resources, _ list: SettingList, _ notes: [Problem]
    ) -> [CgroupInspection.Setting] {
        var entries: [String: [SettingList.Entry]] = [:]
        for entry in list.entries { entries[entry.setting.name, default: []].append(entry) }
        var remarks: [String: [Int]] = [:]
        for (index, note) in notes.enumerated() { remarks[note.path, default: []].append(index) }
        return AskedSetting.all(of: resources).map { asked in
            let told = DocumentPlace.lineage(of: asked.field).flatMap { remarks[$0] ?? [] }.sorted()
            return setting(asked, entries[asked.field] ?? [], told.map { notes[$0].message })
        }
    }

    static func setting(
        _ asked: AskedSetting, _ entries: [SettingList.Entry], _ notes: [String]
    ) -> CgroupInspection.Setting {
        var remarks = notes
        var files: [CgroupInspection.File] = []
        for entry in entries {
            let path = "\(entry.directory)/\(entry.setting.file)"
            let value = (try? Files.read(path)).flatMap {  // A cgroup that is gone has no values.
                EffectiveValue.text(of: entry.setting, in: String(decoding: $0, as: UTF8.self))
            }
            files.append(CgroupInspection.File(path: path, set: entry.setting.value, value: value))
            if let remark = Translation.remark(on: entry.setting, asked) { remarks.append(remark) }
            if let value, let remark = EffectiveValue.difference(of: value, from: entry.setting) {
                remarks.append(remark)
            }
        }
        if entries.isEmpty, notes.isEmpty { remarks.append("no file holds it") }
        return CgroupInspection.Setting(asked: asked, files: files, remarks: remarks)
    }

    private func inspectDevices(_ rules: [Resources.DeviceRule]) -> CgroupInspection.Devices {
        let asked = rules.map { $0.text }
        if let directory = v1("devices") {
            let path = "\(directory)/devices.list"
            let file = CgroupInspection.File(path: path, set: "", value: try? Files.readText(path))  // As above.
            return CgroupInspection.Devices(asked: asked, files: [file], programs: [])
        }
        return CgroupInspection.Devices(
            asked: asked, files: [], programs: unified.map { DevicesV2.programs(of: $0) } ?? [])
    }
}

extension Resources.DeviceRule {
    /// `allow c 1:3 rwm`.
    var text: String {
        let numbers = "\(major.map { "\($0)" } ?? "*"):\(minor.map { "\($0)" } ?? "*")"
        return "\(allow ? "allow" : "deny") \(kind.rawValue) \(numbers) \(access.letters)"
    }
}

extension Limits {
    /// Has every section noted down; what has no place becomes a note.
    mutating func listEverything() {
        list("memory") { limits throws(CgroupError) in try limits.setMemory() }
        list("cpu") { limits throws(CgroupError) in try limits.setCPU() }
        list("pids") { limits throws(CgroupError) in try limits.setPids() }
        list("blockIO") { limits throws(CgroupError) in try limits.setBlockIO() }
        list("hugepageLimits") { limits throws(CgroupError) in try limits.setHugepages() }
        list("network") { limits throws(CgroupError) in try limits.setNetwork() }
        list("rdma") { limits throws(CgroupError) in try limits.setRDMA() }
        list("unified") { limits throws(CgroupError) in try limits.setUnified() }
    }

    /// The same, where what goes wrong is told apart.
    mutating func tryEverything() -> [CgroupError] {
        var errors: [CgroupError] = []
        do { try setMemory() } catch { errors.append(error) }
        do { try setCPU() } catch { errors.append(error) }
        do { try setPids() } catch { errors.append(error) }
        do { try setBlockIO() } catch { errors.append(error) }
        do { try setHugepages() } catch { errors.append(error) }
        do { try setNetwork() } catch { errors.append(error) }
        do { try setRDMA() } catch { errors.append(error) }
        do { try setUnified() } catch { errors.append(error) }
        return errors
    }

    private mutating func list(
        _ section: String, _ set: (inout Limits) throws(CgroupError) -> Void
    ) {
        do { try set(&self) } catch { notes.append(Problem(path: section, message: "\(error)")) }
    }
}
