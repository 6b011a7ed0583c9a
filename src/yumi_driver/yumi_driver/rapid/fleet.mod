MODULE fleet
    ! Lets the agent on the gateway PC guide this arm by EGM. Load this module into T_ROB_L and T_ROB_R.
    ! Configuration (Communication, UDPUC): devices LEFT and RIGHT with the gateway PC's address and the ports of its cell file.
    ! Requires the option Externally Guided Motion. Written for RobotWare 6 after ABB's EGM manual (3HAC073319).

    ! The agent sets both variables from its limits file before it starts the program.
    PERS num fleet_timeout_s := 0.2;
    PERS num fleet_supervision := 100;

    LOCAL CONST string DEVICE{2} := ["LEFT", "RIGHT"];
    LOCAL VAR egmident guided;
    LOCAL VAR egm_minmax converged := [-0.5, 0.5];

    PROC main()
        VAR num device := 1;
        IF GetTaskName() = "T_ROB_R" device := 2;
        MotionSup \On \TuneValue:=fleet_supervision;
        EGMReset guided;
        EGMGetId guided;
        ! CommTimeout is always set: with the default, an arm continues for about a second without messages.
        EGMSetupUC ROB_ID, guided, "default", DEVICE{device} \Joint \CommTimeout:=fleet_timeout_s;
        EGMActJoint guided \J1:=converged \J2:=converged \J3:=converged \J4:=converged \J5:=converged \J6:=converged
            \MaxPosDeviation:=1000 \MaxSpeedDeviation:=100;
        WHILE TRUE DO
            EGMRunJoint guided, EGM_STOP_HOLD \J1 \J2 \J3 \J4 \J5 \J6 \J7 \CondTime:=3600 \RampInTime:=0.05;
        ENDWHILE
    ERROR
        ! The agent is silent. The arm stands until a person readmits it, which starts the program again.
        IF ERRNO = ERR_UDPUC_COMM THEN
            EGMReset guided;
            Stop;
        ENDIF
    ENDPROC
ENDMODULE
