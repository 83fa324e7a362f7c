// SPDX-License-Identifier: Apache-2.0

/// The Extensions API from the server's side, as a pure state machine: all extensions of one environment, what each call
/// of theirs means, and which calls are out of turn. `Ticket` names a held `/event/next` request.
struct ExtensionSession<Ticket: Sendable & Equatable>: Sendable {
    enum State: Sendable, Equatable {
        /// An external one that was launched and has not registered. → registered, exited
        case started
        /// → ready, failed, exited
        case registered
        /// Holds `/event/next`. → running, failed, exited
        case ready(Ticket)
        /// Has an event. → ready, failed, exited
        case running
        /// Called `/init/error` or `/exit/error`. → exited
        case failed(ExtensionFault)
        case exited

        /// As AWS's messages and log lines name it.
        var name: String {
            switch self {
            case .started: "Started"
            case .registered: "Registered"
            case .ready: "Ready"
            case .running: "Running"
            case .failed(let fault): fault.stateName
            case .exited: "Exited"
            }
        }
    }

    struct Member: Sendable {
        var name: String
        /// Empty before it has registered.
        var id = ""
        /// A process of its own, by contrast to one inside the runtime.
        var isExternal: Bool
        var events: [ExtensionEventType] = []
        var state: State
        /// An event that came while no request was held, the connection of the last having gone.
        var owed: ExtensionEvent?
    }

    /// As on AWS, external and internal ones together.
    static var maximumExtensions: Int { 10 }

    private(set) var members: [Member] = []
    private var isOpen = true
    private var isEnding = false

    /// An external extension is about to be launched.
    mutating func launch(_ name: String) -> ExtensionAPIError? {
        guard members.count < Self.maximumExtensions else { return .tooManyExtensions }
        members.append(Member(name: name, isExternal: true, state: .started))
        return nil
    }

    /// `/extension/register`. `id` is what it is known by from now on.
    mutating func register(_ name: String, events: [String], id: String) -> ExtensionAPIError? {
        guard !name.isEmpty else { return .emptyName }
        let index = members.firstIndex { $0.name == name }
        let isExternal = index.map { members[$0].isExternal } ?? false
        var types: [ExtensionEventType] = []
        for event in events {
            guard let type = ExtensionEventType(rawValue: event) else { return .invalidEvent(event) }
            guard type != .shutdown || isExternal else { return .shutdownOfInternal }
            if !types.contains(type) { types.append(type) }
        }
        if let index {
            guard isExternal else { return .nameTaken }
            guard members[index].state == .started else { return members[index].refusal(to: "Registered") }
            members[index].id = id
            members[index].events = types
            members[index].state = .registered
            return nil
        }
        guard isOpen else { return .registrationClosed }
        guard members.count < Self.maximumExtensions else { return .tooManyExtensions }
        members.append(Member(name: name, id: id, isExternal: false, events: types, state: .registered))
        return nil
    }

    enum NextAction: Sendable, Equatable {
        case hold
        /// Hold this one and end the one that was held before: the extension opened a new connection.
        case holdInsteadOf(Ticket)
        case hand(ExtensionEvent)
        case reject(ExtensionAPIError)
    }

    /// `/extension/event/next`
    mutating func next(_ id: String, _ ticket: Ticket) -> NextAction {
        guard let index = index(of: id) else { return .reject(.unknownIdentifier(id)) }
        if let event = members[index].owed {
            members[index].owed = nil
            members[index].state = .running
            return .hand(event)
        }
        switch members[index].state {
        case .registered, .running:
            members[index].state = .ready(ticket)
            return .hold
        case .ready(let earlier):
            members[index].state = .ready(ticket)
            return .holdInsteadOf(earlier)
        case .started, .failed, .exited:
            return .reject(members[index].refusal(to: "Ready"))
        }
    }

    /// `/extension/init/error` and `/extension/exit/error`
    mutating func fail(_ id: String, _ fault: ExtensionFault) -> ExtensionAPIError? {
        guard let index = index(of: id) else { return .unknownIdentifier(id) }
        switch (members[index].state, fault) {
        case (.registered, _), (.ready, .exitError), (.running, .exitError):
            members[index].state = .failed(fault)
            return nil
        default:
            return members[index].refusal(to: fault.stateName)
        }
    }

    /// Gives an event to those who registered for it: to send now, to those that hold a request.
    mutating func dispatch(_ event: ExtensionEvent) -> [(ticket: Ticket, event: ExtensionEvent)] {
        if case .shutdown = event { isEnding = true }
        var deliveries: [(ticket: Ticket, event: ExtensionEvent)] = []
        for index in members.indices where members[index].events.contains(event.type) {
            switch members[index].state {
            case .ready(let ticket):
                members[index].state = .running
                deliveries.append((ticket, event))
            case .registered, .running: members[index].owed = event
            case .started, .failed, .exited: break
            }
        }
        return deliveries
    }

    /// The connection of a held request is gone; the extension will come again or exit.
    mutating func disconnected(_ ticket: Ticket) {
        guard let index = members.firstIndex(where: { $0.state == .ready(ticket) }) else { return }
        members[index].state = .registered
    }

    /// The init phase is over: nobody may register any more.
    mutating func close() { isOpen = false }

    /// From here on an exit is what was asked for.
    mutating func beginEnding() { isEnding = true }

    /// The process of an external extension has ended. Returns what it has done wrong, nil when it was to end.
    mutating func exited(_ name: String) -> ExtensionFault? {
        guard let index = members.firstIndex(where: { $0.isExternal && $0.name == name }) else { return nil }
        defer { members[index].state = .exited }
        guard !isEnding else { return nil }
        if case .failed(let fault) = members[index].state { return fault }
        return .crash
    }

    /// Every extension is registered and waits for an event: the init or the invoke phase is over for them.
    var isSettled: Bool {
        members.allSatisfy { member in
            if case .ready = member.state { return member.owed == nil }
            return false
        }
    }

    /// No external one is still to register: the runtime may start.
    var areRegistered: Bool { members.allSatisfy { $0.state != .started } }

    /// External extensions that have asked to hear of the shutdown and still live.
    var awaitsShutdown: Bool {
        members.contains { $0.isExternal && $0.events.contains(.shutdown) && $0.state != .exited }
    }

    func name(of id: String) -> String? { index(of: id).map { members[$0].name } }

    private func index(of id: String) -> Int? { id.isEmpty ? nil : members.firstIndex { $0.id == id } }
}

extension ExtensionSession.Member {
    fileprivate func refusal(to state: String) -> ExtensionAPIError {
        .invalidTransition(of: name, from: self.state.name, to: state)
    }
}

/// Why an extension ends an environment. AWS: the error type `Extension.…`
enum ExtensionFault: String, Sendable {
    case launchError = "LaunchError"
    case initError = "InitError"
    case exitError = "ExitError"
    case crash = "Crash"

    var errorType: String { "Extension." + rawValue }

    /// In log lines, an extension that has crashed is one that has left.
    var stateName: String { self == .crash ? "ExitError" : rawValue }
}
