// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import LinuxSystem

/// The fids of one connection. Keeps the server's budgets, and closes what was opened.
final class FidTable {
    /// Says "none" where a fid may be given.
    static let none = UInt32.max

    private var fids: [UInt32: Fid] = [:]
    private let budgets: Budgets

    init(_ budgets: Budgets) { self.budgets = budgets }

    deinit { removeAll() }

    func get(_ number: UInt32) throws(Refusal) -> Fid {
        guard let fid = fids[number] else { throw Refusal(EBADF) }
        return fid
    }

    /// Throws EINVAL when the number is taken.
    func checkFree(_ number: UInt32) throws(Refusal) {
        guard number != Self.none, fids[number] == nil else { throw Refusal(EINVAL) }
    }

    /// A new fid that is not open, or an attribute.
    func insert(_ fid: Fid, as number: UInt32) throws(Refusal) {
        try checkFree(number)
        guard budgets.fids.take() else { throw Refusal(ENFILE) }
        guard budgets.heldBytes.take(fid.heldBytes) else {
            budgets.fids.giveBack()
            throw Refusal(ENOMEM)
        }
        fids[number] = fid
    }

    /// Puts another one in its place; neither is open.
    func replace(_ number: UInt32, with fid: Fid) throws(Refusal) {
        let old = try get(number)
        guard budgets.heldBytes.take(fid.heldBytes) else { throw Refusal(ENOMEM) }
        budgets.heldBytes.giveBack(old.heldBytes)
        fids[number] = fid
    }

    /// The fid is open from now on, with a descriptor that `open` makes if there may be one more.
    func open(_ number: UInt32, _ open: (Fid) throws(Refusal) -> Fid) throws(Refusal) {
        let fid = try get(number)
        guard budgets.openFiles.take() else { throw Refusal(ENFILE) }
        do throws(Refusal) {
            fids[number] = try open(fid)
        } catch {
            budgets.openFiles.giveBack()
            throw error
        }
    }

    /// The directory's position has moved.
    func update(_ number: UInt32, _ directory: OpenDirectory) { fids[number]?.use = .directory(directory) }

    func remove(_ number: UInt32) throws(Refusal) {
        guard let fid = fids.removeValue(forKey: number) else { throw Refusal(EBADF) }
        letGo(fid)
    }

    func removeAll() {
        for fid in fids.values { letGo(fid) }
        fids = [:]
    }

    private func letGo(_ fid: Fid) {
        budgets.fids.giveBack()
        budgets.heldBytes.giveBack(fid.heldBytes)
        guard let descriptor = fid.descriptor else { return }
        descriptor.close()
        budgets.openFiles.giveBack()
    }
}

/// What all connections of a server share.
struct Budgets: Sendable {
    let connections: Budget
    let fids: Budget
    let heldBytes: Budget
    let openFiles: Budget

    init(_ limits: NinePLimits) {
        connections = Budget(limits.connections)
        fids = Budget(limits.fids)
        heldBytes = Budget(limits.heldBytes)
        openFiles = Budget(limits.openFiles)
    }
}
