internal import Kernel
internal import OCI

/// Whether something can be put at a path of the container: a mount, or a device. What is missing on the way is made, by the
/// container's root.
struct TargetSearch {
    private let places: Places
    private let maker: Identity
    private let followsLast: Bool
    private let hasLinks: Bool
    private let isInProcAllowed: Bool

    init(
        _ places: Places, _ maker: Identity, followsLast: Bool = true, hasLinks: Bool = true,
        isInProcAllowed: Bool = false
    ) {
        self.places = places
        self.maker = maker
        self.followsLast = followsLast
        self.hasLinks = hasLinks
        self.isInProcAllowed = isInProcAllowed
    }

    struct Obstacle {
        let message: String
        let hint: String
    }

    enum Outcome {
        /// The path without links.
        case good(String)
        case bad(Obstacle)
        /// Only the kernel knows.
        case unknown
    }

    /// A mount point.
    func find(_ path: String, isDirectory: Bool) -> Outcome {
        switch look(path) {
        case .found(let place):
            if let obstacle = obstacle(at: place) { return .bad(obstacle) }
            if place.isDirectory != isDirectory { return .bad(Self.mismatch(path, isDirectory: isDirectory)) }
            return .good(place.path)
        case .missing(let place, let names): return make(names, below: place, path, isDirectory: isDirectory)
        case .failed(let errno, let place): return failed(errno, place, path)
        case .unknown: return .unknown
        }
    }

    /// A name for a device that is made, or is there already.
    func find(_ device: Device) -> Outcome {
        let path = lexicallyClean(device.path)
        let outcome = places.look(path, followsLast: false, visit: ProgramSearch.searching(as: maker))
        switch outcome {
        case .found(let place):
            if place.status.map({ Self.isSame($0, device) }) == true { return .good(place.path) }
            return .bad(Obstacle(message: "\(place.path) is there already", hint: "choose another path"))
        case .missing(let place, let names): return make(names, below: place, path, isDirectory: false)
        case .failed(let errno, let place): return failed(errno, place, path)
        case .unknown: return .unknown
        }
    }

    private static func isSame(_ status: FileStatus, _ device: Device) -> Bool {
        switch device.kind {
        case .fifo: status.kind == .fifo
        case .block: status.kind == .blockDevice && status.deviceNumbers == (device.major, device.minor)
        case .character, .unbuffered:
            status.kind == .characterDevice && status.deviceNumbers == (device.major, device.minor)
        }
    }

    private func look(_ path: String) -> Places.Outcome {
        places.look(path, followsLast: followsLast, hasLinks: hasLinks, visit: ProgramSearch.searching(as: maker))
    }

    private func failed(_ errno: Errno, _ place: Places.Place, _ path: String) -> Outcome {
        switch errno {
        case .notDirectory:
            .bad(
                Obstacle(
                    message: "\(place.path) is no directory, and \(path) lies below it",
                    hint: "choose another place, or correct the image"))
        case .tooManyLinks:
            .bad(
                Obstacle(
                    message: hasLinks
                        ? "\(place.path) is a link that leads nowhere"
                        : "\(place.path) is a link, and this takes a real directory",
                    hint: "choose another place, or correct the image"))
        case .accessDenied where place.status.map { maker.has(.execute, to: $0) } == false:
            .bad(
                Obstacle(
                    message: ProgramSearch.text(of: place, maker),
                    hint: "chmod +x, or give it to an id that the user namespace has"))
        default: .unknown
        }
    }

    private func obstacle(at place: Places.Place) -> Obstacle? {
        if isInProcAllowed || !place.rights.contains(.isProc) { return nil }
        return Obstacle(message: "\(place.path) is in a procfs", hint: "only a procfs may be mounted inside /proc")
    }

    private func make(_ names: [String], below place: Places.Place, _ path: String, isDirectory: Bool) -> Outcome {
        if let obstacle = obstacle(at: place) { return .bad(obstacle) }
        if place.rights.contains(.isFixed) {
            return .bad(
                Obstacle(
                    message: "there is no \(path), and nothing can be made in \(place.path)",
                    hint: "choose a place that is there"))
        }
        if let status = place.status, !maker.has(.write, to: status) {
            return .bad(
                Obstacle(
                    message: "there is no \(path), and uid 0 of the container may not make it in \(place.path): "
                        + Identity.text(of: status),
                    hint: "make it, or give the root file system to the container's root"))
        }
        if ThisProcess.effectiveUser == 0, !places.permits(.write, place) {
            return .bad(
                Obstacle(
                    message: "there is no \(path), and it cannot be made: \(place.path) is read-only",
                    hint: "make it in the image, or choose a place that is there"))
        }
        return .good(places.make(names, below: place, isDirectory: isDirectory))
    }

    private static func mismatch(_ path: String, isDirectory: Bool) -> Obstacle {
        let (from, to) = isDirectory ? ("a directory", "is none") : ("no directory", "is one")
        return Obstacle(
            message: "the source is \(from), and \(path) in the root file system \(to)",
            hint: "a directory goes onto a directory, a file onto a file")
    }
}
