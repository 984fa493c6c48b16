internal import OCI
internal import Spelling

/// The directories that the options of an overlay name, as the kernel reads them (Documentation/filesystems/overlayfs.rst,
/// fs/overlayfs/params.c). A backslash takes the meaning from what is behind it, but in the options that add one directory
/// each.
struct OverlayOptions {
    struct Layer {
        enum Kind { case lower, upper, work }

        let kind: Kind
        let path: String
        /// Of the option.
        fileprivate let position: Int
        fileprivate let isAdded: Bool
    }

    /// Everything that is named, in that order: the kernel looks for what a later option replaces too.
    private(set) var named: [Layer] = []
    /// Whether there is an option of that kind.
    private(set) var hasLower = false
    /// The name of an option that looks like lowerdir, and is none.
    private(set) var meantAsLower: String?
    /// Where the last option is that names all lower directories, the last upper and the last work directory.
    private var lastList = -1
    private var lastUpper = -1
    private var lastWork = -1

    init(_ options: [String]) {
        for (position, option) in options.enumerated() {
            guard let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = option.utf8[option.utf8.index(after: equals)...]
            func add(_ kind: Layer.Kind, _ path: String, isAdded: Bool = false) {
                if path.isEmpty { return }
                named.append(Layer(kind: kind, path: path, position: position, isAdded: isAdded))
            }
            let name = String(Substring(option.utf8[..<equals]))
            switch name {
            case "lowerdir":
                hasLower = true
                lastList = position
                for path in Self.layers(of: value) { add(.lower, path) }
            case "lowerdir+", "datadir+":
                hasLower = true
                add(.lower, String(Substring(value)), isAdded: true)
            case "upperdir":
                lastUpper = position
                add(.upper, Self.unescaped(value))
            case "workdir":
                lastWork = position
                add(.work, Self.unescaped(value))
            default:
                if Suggestion.nearest(to: name, among: ["lowerdir", "upperdir", "workdir"]) == "lowerdir" {
                    meantAsLower = name
                }
            }
        }
    }

    /// Whether no later option replaces a directory.
    func isInEffect(_ layer: Layer) -> Bool {
        switch layer.kind {
        case .lower: layer.isAdded ? layer.position > lastList : layer.position == lastList
        case .upper: layer.position == lastUpper
        case .work: layer.position == lastWork
        }
    }

    var lower: [String] { paths(.lower) }
    var upper: String? { paths(.upper).first }
    var work: String? { paths(.work).first }

    private func paths(_ kind: Layer.Kind) -> [String] {
        named.filter { $0.kind == kind && isInEffect($0) }.map { $0.path }
    }

    /// The parts between colons, of which two separate directories that hold only data.
    private static func layers(of value: Substring.UTF8View) -> [String] {
        var isEscaped = false
        let parts = value.split { byte in
            defer { isEscaped = !isEscaped && byte == UInt8(ascii: "\\") }
            return byte == UInt8(ascii: ":") && !isEscaped
        }
        return parts.map { unescaped($0) }
    }

    private static func unescaped(_ text: Substring.UTF8View) -> String {
        var isEscaped = false
        let bytes = text.filter { byte in
            isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            return !isEscaped
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
