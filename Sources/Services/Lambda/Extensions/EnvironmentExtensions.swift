// SPDX-License-Identifier: Apache-2.0
/// What an environment knows of its extensions.
struct EnvironmentExtensions: Sendable {
    var session = ExtensionSession<RuntimeRequest>()
    var isRuntimeReady = false
    var isInitialized = false
    /// What ended the environment.
    var fault: FunctionFault?
    /// Open when every extension has asked for the next event after an invocation.
    var settled: Latch?
    /// Open when the shutdown phase is over.
    var ending: Latch?

    /// A failure that an extension has caused, before it is known whose invocation it spoils.
    struct FunctionFault: Sendable {
        var errorType: String
        var message: String
        var culprit: ExtensionNotice?
    }
}

/// What is told of one extension's state. AWS: `platform.extension`
struct ExtensionNotice: Sendable {
    var name: String
    var state: String
    var events: [ExtensionEventType]
    var errorType: String? = nil
}

extension ExtensionNotice {
    init<Ticket>(_ member: ExtensionSession<Ticket>.Member) {
        self.init(name: member.name, state: member.state.name, events: member.events)
    }
}
