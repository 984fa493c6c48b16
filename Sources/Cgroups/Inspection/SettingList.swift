/// The values that limits are turned into, noted down instead of written.
final class SettingList {
    /// One of them.
    struct Entry {
        let directory: String
        let setting: ControlFiles.Setting
    }

    private(set) var entries: [Entry] = []
    /// Whether every file counts as there: the directory is still to be made.
    let assumesFiles: Bool

    init(assumingFiles: Bool = false) { assumesFiles = assumingFiles }

    func append(_ setting: ControlFiles.Setting, in directory: String) {
        entries.append(Entry(directory: directory, setting: setting))
    }
}
