import Foundation
import InitProtocol

/// What init_protocol.h says about operations: the names and records of `APUS_OPERATIONS`, in order.
enum ProtocolHeader {
    struct Entry: Equatable {
        let name: String
        let record: String
    }

    static func entries() throws -> [Entry] {
        let file = Fixtures.root.deletingLastPathComponent()
            .appending(path: "Sources/InitProtocol/include/init_protocol.h")
        let text = try String(contentsOf: file, encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
            guard line.hasPrefix("    X("), words.count == 3 else { return nil }
            return Entry(name: String(words[1]), record: String(words[2]))
        }
    }

    /// Sizes of the records, as the compiler lays them out.
    static let sizes: [String: Int] = [
        "apus_affinity": MemoryLayout<apus_affinity>.size,
        "apus_capabilities": MemoryLayout<apus_capabilities>.size,
        "apus_choose_mask": MemoryLayout<apus_choose_mask>.size,
        "apus_configure": MemoryLayout<apus_configure>.size,
        "apus_copy_link": MemoryLayout<apus_copy_link>.size,
        "apus_copy_tree": MemoryLayout<apus_copy_tree>.size,
        "apus_create_mount": MemoryLayout<apus_create_mount>.size,
        "apus_duplicate": MemoryLayout<apus_duplicate>.size,
        "apus_execute": MemoryLayout<apus_execute>.size,
        "apus_find_executable": MemoryLayout<apus_find_executable>.size,
        "apus_find_home": MemoryLayout<apus_find_home>.size,
        "apus_flags": MemoryLayout<apus_flags>.size,
        "apus_gate": MemoryLayout<apus_gate>.size,
        "apus_groups": MemoryLayout<apus_groups>.size,
        "apus_keyring": MemoryLayout<apus_keyring>.size,
        "apus_limit": MemoryLayout<apus_limit>.size,
        "apus_make_link": MemoryLayout<apus_make_link>.size,
        "apus_make_node": MemoryLayout<apus_make_node>.size,
        "apus_make_target": MemoryLayout<apus_make_target>.size,
        "apus_meet": MemoryLayout<apus_meet>.size,
        "apus_memory_policy": MemoryLayout<apus_memory_policy>.size,
        "apus_mount": MemoryLayout<apus_mount>.size,
        "apus_mount_attributes": MemoryLayout<apus_mount_attributes>.size,
        "apus_name": MemoryLayout<apus_name>.size,
        "apus_namespace": MemoryLayout<apus_namespace>.size,
        "apus_nothing": MemoryLayout<apus_nothing>.size,
        "apus_number": MemoryLayout<apus_number>.size,
        "apus_open_file_system": MemoryLayout<apus_open_file_system>.size,
        "apus_open_path": MemoryLayout<apus_open_path>.size,
        "apus_open_tree": MemoryLayout<apus_open_tree>.size,
        "apus_owner": MemoryLayout<apus_owner>.size,
        "apus_reopen": MemoryLayout<apus_reopen>.size,
        "apus_run_hook": MemoryLayout<apus_run_hook>.size,
        "apus_scheduler": MemoryLayout<apus_scheduler>.size,
        "apus_seccomp": MemoryLayout<apus_seccomp>.size,
        "apus_slot_step": MemoryLayout<apus_slot_step>.size,
        "apus_tell_pid": MemoryLayout<apus_tell_pid>.size,
        "apus_text_step": MemoryLayout<apus_text_step>.size,
        "apus_two_slots": MemoryLayout<apus_two_slots>.size,
        "apus_verify_device": MemoryLayout<apus_verify_device>.size,
        "apus_window": MemoryLayout<apus_window>.size,
        "apus_write_file": MemoryLayout<apus_write_file>.size,
    ]
}
