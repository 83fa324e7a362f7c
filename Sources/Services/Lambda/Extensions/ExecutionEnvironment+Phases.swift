// SPDX-License-Identifier: Apache-2.0
import MartletCore
import NIOConcurrencyHelpers

// What is told of the init phase, or of a restore, in AWS's order: the runtime's part, the extensions, the report.

extension ExecutionEnvironment {
    /// How the runtime's part ended, once.
    func tellRuntimeReady(_ end: PhaseEnd) {
        let isFirst = state.withLockedValue { state in
            defer { state.isRuntimeDoneTold = true }
            return !state.isRuntimeDoneTold
        }
        guard isFirst else { return }
        log.telemetry.post(isRestoring ? .restoreRuntimeDone(end) : .initRuntimeDone(end, beginning.phase))
    }

    /// The last of the phase, after `initializedAt` where it went well.
    func tellPhaseReport(_ end: PhaseEnd) {
        let endedAt = state.withLockedValue { $0.initializedAt } ?? clock.monotonicMicroseconds
        let duration = Duration.microseconds(endedAt - startedMicroseconds)
        log.telemetry.post(
            isRestoring ? .restoreReport(duration, end) : .initReport(duration, end, beginning.phase)
        )
    }

    /// A runtime that has been kept waiting for an extension has had no part.
    func tellFailedPhase(_ failure: InitFailure) {
        let end = PhaseEnd(failure)
        if !state.withLockedValue({ $0.isRuntimeHeld }) { tellRuntimeReady(end) }
        let (members, culprit) = extensions.withLockedValue { ($0.session.members, $0.fault?.culprit) }
        for member in members where member.name != culprit?.name { tell(ExtensionNotice(member)) }
        if let culprit { tell(culprit) }
        tellPhaseReport(end)
    }

    /// One line of the log, and one event.
    func tell(_ notice: ExtensionNotice) {
        let (name, state, events) = (notice.name, notice.state, notice.events)
        log.platform(
            format.extensionState(name: name, state: state, events: events, errorType: notice.errorType, at: clock.now)
        )
        log.telemetry.post(.extensionState(name: name, state: state, events: events, errorType: notice.errorType))
    }

    /// One that stands in for a copy is initialised first, as a template is.
    private var isRestoring: Bool {
        beginning.role == .copy || (beginning.role == .standIn && state.withLockedValue { $0.copiedAt != nil })
    }
}
